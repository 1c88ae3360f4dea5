import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { storageSuite } from "./StorageSuite.ts"

storageSuite("MemoryStorage", MemoryStorage.layer)
