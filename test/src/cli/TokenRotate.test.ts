import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { hashApiToken } from "../../../layers/crypto/ApiTokenSecret.ts"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { ens, settingsFile, tenantOf } from "../../support/CommandLine.ts"

const DAY = 86_400_000

const setUp = Effect.map(settingsFile(), ({ config, database }) => ({
  database,
  token: (...args: ReadonlyArray<string>) => ens("token", ...args, "--config", config),
  stored: <A, E>(ask: (storage: Storage["Type"]) => Effect.Effect<A, E>) =>
    Effect.provide(Effect.flatMap(Storage, ask), SqliteStorage.layer(database))
}))

describe("ens token rotate", () => {
  it.scopedLive("makes another token of the tenant, shown once, and lets the old one end 30 days later", () =>
    Effect.gen(function* () {
      const { database, stored, token } = yield* setUp
      yield* token(
        "create",
        "--label",
        "phones",
        "--tenant",
        "acme",
        "--ews-url",
        "https://mail.example.com/EWS"
      )
      const before = Date.now()
      const done = yield* token("rotate", "1")
      const [secret = ""] = done.out.split("\n")
      expect(secret).toMatch(/^ens_[\w-]{43}$/)
      expect(done.out).toContain("This is token 2 of tenant acme. It is not shown again")
      expect(done.out).toMatch(/Token 1, which it replaces, is valid until \d{4}-/)
      expect(yield* tenantOf(database, secret)).toMatchObject({ name: "acme" })

      const rows = JSON.parse((yield* token("list", "--json")).out)
      expect(rows).toMatchObject([
        { id: "1", label: "phones", lastUsedAt: null },
        { id: "2", label: "phones", expiresAt: null, ewsUrls: ["https://mail.example.com/EWS"] }
      ])
      const end = Date.parse(rows[0].expiresAt) - before
      expect(Math.abs(end - 30 * DAY)).toBeLessThan(60_000)
      const [used] = yield* stored((storage) =>
        Effect.zipRight(storage.noteTokenUses([{ id: "2", at: 86_400_000 }]), storage.audits(1))
      )
      expect(used).toMatchObject({ action: "token.rotate", target: "1", outcome: "success" })
      const listed = (yield* token("list")).out
      expect(listed).toMatch(/^1 +acme +phones +\S+ +never +\d{4}-\S+ /m)
      expect(listed).toMatch(/^2 +acme +phones +\S+ +1970-01-02T\S+ +never /m)
      expect(listed).not.toContain(secret)
    })
  )

  it.scopedLive("ends the old one at once if asked to, for good", () =>
    Effect.gen(function* () {
      const { database, token } = yield* setUp
      const made = JSON.parse((yield* token("create", "--label", "phones", "--json")).out)
      const rotated = JSON.parse((yield* token("rotate", "1", "--overlap", "0", "--json")).out)
      expect(rotated).toEqual({
        id: "2",
        tenant: "default",
        token: expect.stringMatching(/^ens_/),
        replaces: "1",
        expiresAt: expect.stringMatching(/^\d{4}-/)
      })
      expect(Date.parse(rotated.expiresAt)).toBeLessThanOrEqual(Date.now())
      expect((yield* token("list")).out).toMatch(/^1 .* ended \d{4}-/m)
      expect(yield* token("rotate", "1")).toMatchObject({
        ok: false,
        err: "ens: there is no token 1, or it has ended; see: ens token list"
      })
      expect(yield* tenantOf(database, made.token)).toBeDefined()
      expect(JSON.parse((yield* token("list", "--json")).out)).toHaveLength(2)
    })
  )

  it.scopedLive("is for admin tokens, too", () =>
    Effect.gen(function* () {
      const { stored, token } = yield* setUp
      yield* token("create", "--admin", "--label", "Ada")
      const rotated = JSON.parse((yield* token("rotate", "admin-1", "--overlap", "12 hours", "--json")).out)
      expect(rotated).toMatchObject({ id: "admin-2", label: "Ada", replaces: "admin-1" })
      expect(rotated.token).toMatch(/^ensadm-[\w-]{43}$/)
      const found = yield* stored((storage) => storage.adminTokenOf(hashApiToken(rotated.token)))
      expect(Option.getOrThrow(found)).toMatchObject({ id: "2", expiresAt: null })
      expect((yield* token("rotate", "admin-2")).out).toContain("This is admin token admin-3 (Ada).")
    })
  )

  it.scopedLive("says what is wrong, and shows nothing that was pasted", () =>
    Effect.gen(function* () {
      const { token } = yield* setUp
      const made = JSON.parse((yield* token("create", "--label", "phones", "--json")).out)
      const pasted = yield* token("rotate", made.token)
      expect(pasted).toMatchObject({
        exitCode: 1,
        err: expect.stringContaining("it is not the token itself")
      })
      expect(pasted.err).not.toContain(made.token)
      for (const overlap of ["-1 days", "400 days", "soon", "7"]) {
        const wrong = yield* token("rotate", "1", "--overlap", overlap)
        expect(wrong).toMatchObject({ ok: false, exitCode: 2 })
      }
      expect((yield* token("rotate", "7")).err).toContain("there is no token 7")
      expect(JSON.parse((yield* token("list", "--json")).out)).toHaveLength(1)
    })
  )
})
