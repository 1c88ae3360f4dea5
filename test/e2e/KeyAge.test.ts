import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { startService } from "../support/ServiceFixture.ts"
import { eventually, rehearse, within } from "./Rehearsal.ts"

const DAY = 24 * 60 * 60_000

describe("keys of a user that are older than a year", () => {
  for (const mode of ["sealed", "rsa"] as const) {
    it.scopedLive(`are replaced while mails go on with their details, and no phone is asked (${mode})`, () =>
      Effect.gen(function* () {
        const { about, cns, exchange, installation, mail, phone, shown } = yield* rehearse({
          settings: { ENS_WEBHOOK_CREDENTIALS: mode }
        })
        const young = yield* startService(installation)
        const iphone = yield* phone("iOS", { registersAgain: false })
        expect((yield* iphone.register()).responseCode).toBe(7)
        const { publicKey } = yield* iphone.getPublicKey
        const announced = (subject: string) =>
          Effect.gen(function* () {
            const item = yield* mail(subject)
            yield* within(
              cns.until(() => about(iphone, item).length > 0),
              subject
            )
          })
        yield* announced("before")
        yield* young.stop
        const before = keysIn(installation.database)
        age(installation.database, 366 * DAY)

        yield* startService(installation)
        yield* announced("first")
        const states = () => exchange.subscriptions().map(({ state }) => state)
        yield* eventually(() => states().length === 2, "the renewal")
        yield* announced("during")
        yield* eventually(() => keysIn(installation.database).generation === 2, "the new one in storage")
        yield* announced("after")
        yield* eventually(() => states().join() === "Unsubscribed,Active", "the end of the old one")
        const after = keysIn(installation.database)
        expect(after.seal).not.toEqual(before.seal)
        expect(after.former).toEqual(mode === "rsa" ? ["callback", "seal"] : ["seal"])
        const seen = shown(iphone).filter(({ kind }) => kind !== "badge")
        expect(seen.map(({ kind, subtitle, title }) => [kind, title, subtitle])).toEqual(
          ["before", "first", "during", "after"].map((subject) => ["alert", "Bob Baker", subject])
        )

        // As soon as the pool has keys to spare.
        const asked = yield* within(
          Effect.repeat(Effect.delay(iphone.getPublicKey, "100 millis"), {
            until: (answer) => answer.publicKey !== publicKey
          }),
          "a new key pair"
        )
        expect((yield* iphone.getPublicKey).publicKey).toBe(asked.publicKey)
        expect((yield* iphone.register()).responseCode).toBe(17)
        expect(exchange.operations()["Subscribe"]).toBe(2)

        // Whoever unregisters takes all keys along, former ones, too.
        expect((yield* iphone.unregister).responseCode).toBe(24)
        expect(keysIn(installation.database)).toEqual({
          generation: undefined,
          seal: undefined,
          former: []
        })
      })
    )
  }
})

const keysIn = (database: string) => {
  const opened = new DatabaseSync(database, { readOnly: true })
  const user = opened.prepare("SELECT seal_key FROM users").get()
  const former = opened.prepare("SELECT kind FROM former_keys ORDER BY kind").all()
  const subscription = opened.prepare("SELECT generation FROM subscriptions").get()
  opened.close()
  return {
    generation: subscription?.["generation"],
    seal: user?.["seal_key"],
    former: former.map(({ kind }) => kind)
  }
}

/** Makes everybody's keys so much older; the service does not run. */
const age = (database: string, ms: number) => {
  const opened = new DatabaseSync(database)
  opened.prepare("UPDATE users SET created_at = created_at - ?").run(ms)
  opened.close()
}
