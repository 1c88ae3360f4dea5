import { expect, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import { userIdOfAddress } from "../../../schemas/Ids.ts"
import { addSubscriber, addTenant, addUser, bytes, hashOf, NOW, userNumber } from "./Samples.ts"
import type { OnStorage } from "./StorageSuite.ts"

/** What operators look at: histories of users, audit records, tokens of administrators. */
export const operationsSuite = (on: OnStorage) => {
  it.effect(
    "keeps one history a user, the last one that was saved, and passes over users that are gone",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const [anna, bert] = [yield* addSubscriber(tenant, "anna"), yield* addUser(tenant, "bert")]
        const gone = userNumber("770000")
        yield* storage.saveHistories([])
        yield* storage.saveHistories([
          { user: anna, lastAt: NOW, events: bytes("a", 3) },
          { user: gone, lastAt: NOW, events: bytes("g", 3) }
        ])
        yield* storage.saveHistories([
          { user: anna, lastAt: NOW + 5, events: bytes("b", 9000) },
          { user: bert.user, lastAt: NOW + 1, events: bytes("c", 1) }
        ])
        const found = yield* storage.histories([anna, bert.user, anna, gone])
        expect(found.map(({ lastAt, user }) => [user, lastAt]).sort()).toEqual(
          [
            [anna, NOW + 5],
            [bert.user, NOW + 1]
          ].sort()
        )
        expect(new Uint8Array(found.find(({ user }) => user === anna)!.events)).toEqual(bytes("b", 9000))
        expect(yield* storage.histories([])).toEqual([])
      })
    )
  )

  it.effect(
    "drops old histories, and a user's history with the user",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const [anna, bert] = [yield* addSubscriber(tenant, "anna"), yield* addSubscriber(tenant, "bert")]
        yield* storage.saveHistories([
          { user: anna, lastAt: NOW, events: bytes("a", 3) },
          { user: bert, lastAt: NOW + 1, events: bytes("b", 3) }
        ])
        expect(yield* storage.dropHistories(NOW + 1)).toBe(1)
        expect((yield* storage.histories([anna, bert])).map(({ user }) => user)).toEqual([bert])
        yield* storage.deleteUser(bert)
        expect(yield* storage.histories([anna, bert])).toEqual([])
        expect(yield* storage.dropHistories(NOW + 9)).toBe(0)
      })
    )
  )

  it.effect(
    "finds the users of an id in every tenant",
    on((storage) =>
      Effect.gen(function* () {
        const [east, west] = [yield* addTenant("east"), yield* addTenant("west")]
        const inWest = yield* addUser(west, "anna")
        const inEast = yield* addUser(east, "anna")
        yield* addUser(east, "bert")
        expect(yield* storage.usersOfId(inEast.userId)).toEqual([
          { user: inEast.user, tenant: east, tenantName: "east" },
          { user: inWest.user, tenant: west, tenantName: "west" }
        ])
        expect(yield* storage.usersOfId(userIdOfAddress("nobody@example.com"))).toEqual([])
      })
    )
  )

  it.effect(
    "keeps tokens of administrators apart from those of phones",
    on((storage) =>
      Effect.gen(function* () {
        const made = yield* storage.createAdminToken({ label: "night", hash: hashOf("a"), createdAt: NOW })
        expect(made).toEqual({
          ...{ id: made.id, label: "night", createdAt: NOW },
          ...{ lastUsedAt: null, replacedAt: null, expiresAt: null }
        })
        expect(yield* storage.adminTokenOf(hashOf("a"))).toEqual(Option.some(made))
        expect(yield* storage.adminTokenOf(hashOf("b"))).toEqual(Option.none())
        expect(yield* storage.tenantOfToken(hashOf("a"))).toEqual(Option.none())
        const again = yield* Effect.exit(
          storage.createAdminToken({ label: "again", hash: hashOf("a"), createdAt: NOW })
        )
        expect(Exit.isFailure(again)).toBe(true)
        expect(yield* storage.listAdminTokens).toEqual([made])
        const hashes = yield* storage.adminTokenHashes
        expect(hashes.map(({ expiresAt, hash }) => [Buffer.from(hash), expiresAt])).toEqual([
          [Buffer.from(hashOf("a")), null]
        ])
        expect(yield* storage.revokeAdminToken("rubbish")).toBe(false)
        expect(yield* storage.revokeAdminToken(made.id)).toBe(true)
        expect(yield* storage.revokeAdminToken(made.id)).toBe(false)
        expect(yield* storage.adminTokenOf(hashOf("a"))).toEqual(Option.none())
      })
    )
  )

  it.effect(
    "answers audit records newest first, and drops old ones",
    on((storage) =>
      Effect.gen(function* () {
        const record = (at: number, target: string) =>
          ({ at, actor: "cli:anna@host", action: "token.create", target, outcome: "success" }) as const
        yield* storage.addAudit(record(NOW, "1"))
        yield* storage.addAudit({ ...record(NOW + 1, "2 ✓"), outcome: "failure" })
        yield* storage.addAudit(record(NOW + 2, ""))
        expect((yield* storage.audits(2)).map(({ at }) => at)).toEqual([NOW + 2, NOW + 1])
        expect(yield* storage.dropAudits(NOW + 1)).toBe(1)
        expect(yield* storage.audits(10)).toEqual([
          record(NOW + 2, ""),
          { ...record(NOW + 1, "2 ✓"), outcome: "failure" }
        ])
      })
    )
  )
}
