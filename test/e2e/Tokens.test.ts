import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { userIdOfAddress } from "../../schemas/Ids.ts"
import { ens } from "../support/CommandLine.ts"
import { makeInstallation } from "../support/Installation.ts"
import { startService } from "../support/ServiceFixture.ts"

/** A running service, what it answers to who shows a token, and `ens token … --config`. */
const start = Effect.gen(function* () {
  const installation = yield* makeInstallation({ ENS_PUSH: "log" })
  const service = yield* startService(installation)
  const config = join(installation.directory, "settings.json")
  writeFileSync(config, JSON.stringify(installation.environment))
  const answer = (token: string) =>
    Effect.promise(async () => {
      const response = await fetch(`${installation.baseUrl}/getpublickey`, {
        method: "POST",
        headers: { ENSAPIToken: token, "content-type": "application/json" },
        body: JSON.stringify({ userId: userIdOfAddress("ann@example.com") })
      })
      return { status: response.status, text: await response.text() }
    })
  const status = (token: string) => Effect.map(answer(token), (answer) => answer.status)
  return { installation, service, config, answer, status }
})

describe("API tokens of a running service", () => {
  it.scopedLive("work as soon as they are made, and not any more as soon as they are revoked", () =>
    Effect.gen(function* () {
      const { config, installation, status } = yield* start
      const made = yield* ens("token", "create", "--label", "phones", "--json", "--config", config)
      const { id, token } = JSON.parse(made.out)
      expect(yield* status(token)).toBe(200)
      const revoked = yield* ens("token", "revoke", "--config", config, id)
      expect(revoked.out).toContain("the service here refuses it from now on")
      expect(yield* status(token)).toBe(401)
      expect(installation.log()).not.toContain(token)
    })
  )

  it.scopedLive(
    "are rotated: who shows one that has ended is told no more than a stranger, the log all",
    () =>
      Effect.gen(function* () {
        const { answer, config, installation, service, status } = yield* start
        const tokens = (...args: ReadonlyArray<string>) =>
          Effect.map(ens("token", ...args, "--json", "--config", config), ({ out }) => JSON.parse(out))
        const old = yield* tokens("create", "--label", "phones")
        expect(yield* status(old.token)).toBe(200)
        const second = yield* tokens("rotate", old.id)
        expect([yield* status(old.token), yield* status(second.token)]).toEqual([200, 200])
        const third = yield* tokens("rotate", old.id, "--overlap", "0")
        expect([yield* status(second.token), yield* status(third.token)]).toEqual([200, 200])
        const [ended, stranger] = [yield* answer(old.token), yield* answer("a-stranger")]
        expect(ended).toEqual(stranger)
        expect(ended.status).toBe(401)
        expect(installation.log()).toMatch(new RegExp(`API token ${old.id} was valid until \\d{4}-`))
        yield* service.stop
        for (const { token } of [old, second, third]) expect(installation.log()).not.toContain(token)
        const listed: ReadonlyArray<Record<string, unknown>> = yield* tokens("list")
        const mine = listed.filter(({ id }) => [old.id, second.id, third.id].includes(id))
        expect(mine).toHaveLength(3)
        for (const { lastUsedAt } of mine) expect(lastUsedAt).toMatch(/^\d{4}-/)
      })
  )
})
