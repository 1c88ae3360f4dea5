import { join } from "node:path"
import { Effect, Layer } from "effect"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { storageSuite } from "./StorageSuite.ts"

const layerTemporary = Layer.unwrapScoped(
  Effect.map(temporaryDirectory, (directory) => SqliteStorage.layer(join(directory, "ens.db")))
)

storageSuite("SqliteStorage", layerTemporary)
