import { existsSync } from "node:fs"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePorts } from "../../src/demo/FreePorts.ts"
import { spawnService, startProcess } from "../support/ServiceProcess.ts"
import { rehearse, within } from "./Rehearsal.ts"

it.scopedLive(
  "a second service on the same database file ends at once with one line; commands go on working",
  () =>
    Effect.gen(function* () {
      const { exchange, installation } = yield* rehearse()
      const first = yield* startProcess(installation)
      const [port, adminPort] = yield* freePorts(2)
      const beside = {
        ...installation,
        environment: {
          ...installation.environment,
          ENS_PORT: String(port),
          ENS_ADMIN_PORT: String(adminPort),
          ENS_LOG_LEVEL: "error"
        }
      }
      const second = yield* spawnService(beside)
      expect(yield* within(second.ended, "the end of the second process")).toBe(1)
      expect(second.output()).toMatch(
        new RegExp(
          `^ens: another ens \\(process ${first.pid} on \\S+, since \\S+Z\\) has ${installation.database} open; .+\n$`
        )
      )
      yield* installation.createToken(exchange.url, "other")
      // Nobody tidies up, and the file stays behind.
      yield* first.kill
      expect(existsSync(`${installation.database}.lock`)).toBe(true)
      yield* startProcess(installation)
    })
)
