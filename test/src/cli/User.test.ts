import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { pack } from "../../../schemas/History.ts"
import { userIdOfAddress } from "../../../schemas/Ids.ts"
import { addSubscriber } from "../../layers/storage/Samples.ts"
import { ens, settingsFile } from "../../support/CommandLine.ts"

const ADDRESS = "Ann.Liddell@Example.com"
const HASH = userIdOfAddress(ADDRESS)

/** A database in which two tenants know Ann. */
const setUp = Effect.gen(function* () {
  const { config, database } = yield* settingsFile()
  for (const tenant of ["default", "other"]) {
    const made = yield* ens("token", "create", "--label", "l", "--tenant", tenant, "--config", config)
    expect(made.ok).toBe(true)
  }
  yield* Effect.gen(function* () {
    const storage = yield* Storage
    const tenants = (yield* storage.tokenDirectory).map(({ tenant }) => tenant.tenant)
    for (const tenant of tenants) {
      const user = yield* addSubscriber(tenant, "Ann.Liddell")
      const at = Date.parse("2026-01-02T03:04:05Z")
      const events = pack([{ at, kind: "mail", detail: "2 devices: delivered", times: 3 }])
      yield* storage.saveHistories([{ user, lastAt: at, events }])
    }
  }).pipe(Effect.provide(SqliteStorage.layer(database)))
  return config
})

describe("ens user", () => {
  it.scopedLive("shows a user by address or hash, and never prints the address", () =>
    Effect.gen(function* () {
      const config = yield* setUp
      for (const who of [ADDRESS, HASH, HASH.toUpperCase()]) {
        const shown = yield* ens("user", who, "--config", config)
        expect(shown).toMatchObject({ ok: true, err: "" })
        expect(shown.out).toContain(HASH)
        expect(shown.out).toContain("tenant default: Unconfirmed since")
        expect(shown.out).toContain("tenant other: Unconfirmed since")
        expect(shown.out).toMatch(/mail ×3\s+2 devices: delivered/)
        expect(shown.out).toContain("events of the last seconds may be missing")
        expect(shown.out.toLowerCase()).not.toContain("liddell")
      }
    })
  )

  it.scopedLive("shows one tenant's user, for programs too", () =>
    Effect.gen(function* () {
      const config = yield* setUp
      const shown = yield* ens("user", ADDRESS, "--tenant", "other", "--json", "--config", config)
      expect(JSON.parse(shown.out)).toMatchObject({
        userId: HASH,
        users: [{ tenant: "other", generation: 1 }]
      })
      expect(JSON.parse(shown.out).users).toHaveLength(1)
    })
  )

  it.scopedLive("fails with one clear line for a user that is not known", () =>
    Effect.gen(function* () {
      const config = yield* setUp
      const other = yield* ens("user", "bob@example.com", "--config", config)
      expect(other).toMatchObject({ ok: false, out: "" })
      expect(other.err).toContain(`user ${userIdOfAddress("bob@example.com")} is not known`)
      expect(other.err).not.toContain("bob@")
      const elsewhere = yield* ens("user", ADDRESS, "--tenant", "third", "--config", config)
      expect(elsewhere.err).toContain("not known to this tenant, but to: default, other")
    })
  )

  it.scopedLive("refuses what is neither an address nor a hash, without repeating it", () =>
    Effect.gen(function* () {
      const config = yield* setUp
      const refused = yield* ens("user", "liddell", "--config", config)
      expect(refused).toMatchObject({ ok: false, out: "" })
      expect(refused.err).toContain("neither an e-mail address nor a user's hash")
      expect(refused.err).not.toContain("liddell")
    })
  )
})
