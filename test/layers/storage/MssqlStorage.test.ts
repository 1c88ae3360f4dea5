import { Effect, Layer } from "effect"
import * as Ownership from "../../../layers/ownership/Ownership.ts"
import * as MssqlStorage from "../../../layers/storage/MssqlStorage.ts"
import { describeMssql, emptied } from "../../support/TestMssql.ts"
import { storageSuite } from "./StorageSuite.ts"

describeMssql("on a SQL Server", (config) => {
  storageSuite(
    "MssqlStorage",
    Layer.unwrapScoped(
      Effect.as(emptied(config), Layer.provide(MssqlStorage.layer(config), Ownership.layerAll))
    )
  )
})
