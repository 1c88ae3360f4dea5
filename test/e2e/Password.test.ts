import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { startService } from "../support/ServiceFixture.ts"
import { ALICE, rehearse, within } from "./Rehearsal.ts"

const MAILS = 50

describe("a password that was changed", () => {
  it.scopedLive(
    "costs one failed log-in, not one per mail; mails go out without details until a phone registers",
    () =>
      Effect.gen(function* () {
        const { about, cns, exchange, installation, mail, phone, shown } = yield* rehearse()
        yield* startService(installation)
        const iphone = yield* phone("iOS", { registersAgain: false })
        const android = yield* phone("Android", { registersAgain: false })
        yield* iphone.register()
        yield* android.register()
        const before = yield* mail("With details")
        yield* within(
          cns.until(() => [iphone, android].every((device) => about(device, before).length === 1)),
          "the mail before"
        )

        yield* exchange.setPassword(ALICE.address, "New-password-1")
        for (let number = 1; number <= MAILS; number += 1) {
          const item = yield* mail(`Secret ${number}`)
          yield* within(
            cns.until(() => [iphone, android].every((device) => about(device, item).length === 1)),
            `mail ${number}`
          )
        }
        expect(exchange.failedLogins(ALICE.address)).toBe(1)
        const alerts = shown(iphone).filter(({ kind }) => kind === "alert")
        expect(alerts).toHaveLength(1 + MAILS)
        for (const device of [iphone, android]) {
          const after = shown(device)
            .filter(({ kind }) => kind === "alert")
            .slice(1)
          expect(after).toHaveLength(MAILS)
          expect(
            new Set(after.map(({ title, subtitle, body }) => [title, subtitle, body].join("|")))
          ).toEqual(new Set(["||New message"]))
          yield* within(
            cns.until(() => shown(device).some(({ kind }) => kind === "silent")),
            "the request to register"
          )
          expect(shown(device).filter(({ kind }) => kind === "silent")).toEqual([
            expect.objectContaining({ action: "resubscribe", reason: "credentials" })
          ])
        }
        expect(yield* iphone.status).toMatchObject({
          status: 200,
          responseCode: 29,
          state: "CredentialsRejected"
        })

        // The app still has the old password.
        expect(yield* android.register()).toMatchObject({ status: 409, responseCode: 14 })
        expect(exchange.failedLogins(ALICE.address)).toBe(2)
        yield* iphone.setLogin({ username: ALICE.address, password: "New-password-1" })
        expect(yield* iphone.register()).toMatchObject({ status: 200, responseCode: 7 })
        const again = yield* mail("With details again")
        yield* within(
          cns.until(() => [iphone, android].every((device) => about(device, again).length > 0)),
          "the mail after"
        )
        expect(shown(android).at(-1)).toMatchObject({ title: "Bob Baker", subtitle: "With details again" })
        expect(yield* iphone.status).toMatchObject({ responseCode: 6, state: "Active" })
        expect(exchange.failedLogins(ALICE.address)).toBe(2)
        expect(shown(iphone).filter(({ kind }) => kind === "silent")).toHaveLength(1)
      })
  )
})
