import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { userIdOfAddress } from "../../schemas/Ids.ts"
import { ens } from "../support/CommandLine.ts"
import { makeInstallation } from "../support/Installation.ts"
import { startService } from "../support/ServiceFixture.ts"

describe("API tokens of a running service", () => {
  it.scopedLive("work as soon as they are made, and not any more as soon as they are revoked", () =>
    Effect.gen(function* () {
      const installation = yield* makeInstallation({ ENS_PUSH: "log" })
      yield* startService(installation)
      const config = join(installation.directory, "settings.json")
      writeFileSync(config, JSON.stringify(installation.environment))
      const status = (token: string) =>
        Effect.promise(async () => {
          const response = await fetch(`${installation.baseUrl}/getpublickey`, {
            method: "POST",
            headers: { ENSAPIToken: token, "content-type": "application/json" },
            body: JSON.stringify({ userId: userIdOfAddress("ann@example.com") })
          })
          await response.text()
          return response.status
        })

      const made = yield* ens("token", "create", "--label", "phones", "--json", "--config", config)
      const { id, token } = JSON.parse(made.out)
      expect(yield* status(token)).toBe(200)
      const revoked = yield* ens("token", "revoke", "--config", config, id)
      expect(revoked.out).toContain("the service here refuses it from now on")
      expect(yield* status(token)).toBe(401)
      expect(installation.log()).not.toContain(token)
    })
  )
})
