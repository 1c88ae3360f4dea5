import { join } from "node:path"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import * as Config from "../../src/Config.ts"
import * as Service from "../../src/Service.ts"
import { populate } from "./Population.ts"

/**
 * Makes a data directory (first argument) with so many users (second argument), all heard of in the last quarter of an
 * hour. Run as a process of its own, so that what it needs for that is not counted as anybody's memory.
 */
const [directory = "", users = "0"] = process.argv.slice(2)

Effect.suspend(() => {
  const now = Date.now()
  return populate({
    file: join(directory, "ens.db"),
    users: Number(users),
    ewsUrl: "http://127.0.0.1:9/EWS/Exchange.asmx",
    authType: "Basic",
    lastHeard: (index) => now - (index % 900) * 1000
  })
}).pipe(
  Effect.provide(Service.data),
  Effect.provide(Config.layer({ environment: { ENS_DATA_DIR: directory } })),
  NodeRuntime.runMain
)
