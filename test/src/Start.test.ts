import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeInstallation } from "../support/Installation.ts"
import { startProcess } from "../support/ServiceProcess.ts"

it.scopedLive("a start with CNS and without its certificate warns of that once", () =>
  Effect.gen(function* () {
    const installation = yield* makeInstallation({
      ENS_PUSH: "cns",
      ENS_CNS_URL: "http://127.0.0.1:9/nws/notify/apns"
    })
    yield* startProcess(installation)
    const warnings = installation.logLines().filter((line) => line.level.startsWith("warn"))
    expect(warnings.map((line) => line.message)).toEqual([
      expect.stringContaining("No CNS certificate is configured")
    ])
  })
)
