import { describe, expect, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { userIdOfAddress } from "../../schemas/Ids.ts"
import { userPage } from "../../src/users/UserReport.ts"
import { userText } from "../../src/users/UserText.ts"
import { startProcess } from "../support/ServiceProcess.ts"
import { ALICE, rehearse } from "./Rehearsal.ts"

describe("what a user's history tells of a real service", () => {
  it.scopedLive(
    "are refusals besides what succeeded, also after kill -9 and a restart",
    () =>
      Effect.gen(function* () {
        const { installation, phone } = yield* rehearse()
        const page = userPage(userIdOfAddress(ALICE.address)).pipe(
          Effect.provide(SqliteStorage.layer(installation.database))
        )
        const events = Effect.map(page, ({ users }) =>
          (users[0]?.events ?? [])
            .filter(({ kind }) => kind === "registration")
            .map(({ detail, times }) => `${detail} ×${times}`)
        )
        const first = yield* startProcess(installation)
        const iphone = yield* phone("iOS")
        expect((yield* iphone.register()).responseCode).toBe(7)
        for (const payload of ["rubbish", "more rubbish"]) {
          expect((yield* iphone.register({ fields: { payload } })).responseCode).toBe(34)
          expect((yield* iphone.register({ fields: { authType: "Kerberos" } })).responseCode).toBe(36)
        }
        // What is unreadable the phone has tried again with a fresh key.
        const before = [
          "InvalidAuthType: authType must be Basic, OAuth, Certificate or Dual ×2",
          "InvalidDecryptedPayload: the payload cannot be decrypted with the user's key, or its content is unusable ×4",
          "UserSubscribed ×1"
        ]
        expect(yield* until(events, (all) => all.join() === before.join())).toEqual(before)
        // Perhaps lost with the process, which has no time to write it.
        yield* iphone.updateToken("another-token")
        yield* first.kill
        expect(yield* events).toEqual(before)
        yield* startProcess(installation)
        for (let count = 0; count < 5; count++)
          yield* iphone.register({ fields: { forceSubscription: true } })
        const refused = "UpdateFail: too many new subscriptions of this user ×1"
        expect((yield* until(events, (all) => all.includes(refused))).slice(-3)).toEqual(before)
        expect(userText(yield* page)).toContain("too many new subscriptions of this user")
      }),
    120_000
  )
})

/** Histories are written every few seconds. */
const until = <A, E, R>(effect: Effect.Effect<A, E, R>, holds: (value: A) => boolean) =>
  Effect.repeat(effect, {
    until: holds,
    schedule: Schedule.spaced("500 millis").pipe(Schedule.intersect(Schedule.recurs(40)))
  }).pipe(Effect.zipRight(effect))
