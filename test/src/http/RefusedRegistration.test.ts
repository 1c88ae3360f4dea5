import { expect, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { History } from "../../../actors/History.ts"
import {
  layer,
  makeToken,
  open,
  registration,
  SEG_URL,
  USER_ID,
  userNumber
} from "../../support/DeviceApiFixture.ts"
import { SubscriptionScript } from "../../support/FakeSubscriptions.ts"
import { StorageFaults } from "../../support/FaultyStorage.ts"

/** What is noted, and a phone that has its public key. */
const phone = (notes: Array<string>) =>
  Effect.gen(function* () {
    const { post } = yield* open
    yield* makeToken()
    // Tokens that are not known are looked up once a second.
    yield* TestClock.adjust("1 seconds")
    const { json } = yield* post("getpublickey", { userId: USER_ID })
    const user = yield* userNumber
    const register = (outside: Record<string, unknown> = {}, inside: Record<string, unknown> = {}) =>
      registration(json["publicKey"], outside, inside).pipe(
        Effect.flatMap((body) => post("registerdevicev2", body)),
        Effect.map(({ json }) => json["responseCode"])
      )
    return { post, register, user, notes }
  }).pipe(
    Effect.provideService(History, {
      note: (user, kind, detail, times) => {
        notes.push(`${user} ${kind} ${detail}${times === undefined ? "" : ` ×${times}`}`)
      }
    })
  )

const scoped = (
  name: string,
  body: (world: Effect.Effect.Success<ReturnType<typeof phone>>) => Effect.Effect<void, unknown, Services>
) => it.scoped(name, () => Effect.flatMap(phone([]), body).pipe(Effect.provide(layer())))
type Services = Effect.Effect.Context<ReturnType<typeof phone>> | StorageFaults | SubscriptionScript

scoped(
  "a registration that is refused before its job is in the user's history, with the failing check",
  (world) =>
    Effect.gen(function* () {
      const { notes, register, user } = world
      expect(yield* register({ authType: "Kerberos" })).toBe(36)
      expect(yield* register({ ewsUrl: SEG_URL })).toBe(32)
      expect(yield* register({ ewsUrl: "https://elsewhere.example.org/EWS/Exchange.asmx?q=private" })).toBe(
        35
      )
      expect(yield* register({ payload: "rubbish" })).toBe(34)
      expect(yield* register({}, { emailAddress: "bob@example.com" })).toBe(34)
      expect(yield* register({}, { issuedAt: new Date(601_000_000).toISOString() })).toBe(34)
      expect(yield* register({ authType: "Certificate" })).toBe(36)
      expect(notes).toEqual(
        [
          "InvalidAuthType: authType must be Basic, OAuth, Certificate or Dual",
          "Failed: deviceId is missing; the Secure Email Gateway needs it",
          "EWSUrlMismatch: ews-url-not-allowed at elsewhere",
          "InvalidDecryptedPayload: the payload cannot be decrypted with the user's key, or its content is unusable",
          "InvalidDecryptedPayload: the address in the payload is not this user's",
          "InvalidDecryptedPayload: clock-skew: the payload is over 10 min old, or the clock of phone or server is wrong",
          "InvalidAuthType: the payload does not hold what authType Certificate needs"
        ].map((text) => `${user} registration ${text}`)
      )
      for (const text of notes) expect(text.length, text).toBeLessThan(160)
      expect(notes.join()).not.toMatch(/bob|private|token-1|s3cret/)
    })
)

scoped("too many registrations are one refusal, however long the phone is to wait", (world) =>
  Effect.gen(function* () {
    const script = yield* SubscriptionScript
    for (const seconds of [7, 5]) {
      const message = `too many new subscriptions of this user; try again in ${seconds} s`
      script.reply(
        "Register",
        Effect.succeed({ code: "UpdateFail", message, status: 429, retryAfterSeconds: seconds })
      )
      yield* world.register()
    }
    const text = `${world.user} registration UpdateFail: too many new subscriptions of this user`
    expect(world.notes).toEqual([text, text])
  })
)

scoped("what a job answers is noted by the job", (world) =>
  Effect.gen(function* () {
    const script = yield* SubscriptionScript
    for (const code of ["UserSubscribed", "SubscribeAgain", "ErrorSubscribeOrUpdateDb"] as const) {
      script.reply("Register", Effect.succeed({ code, message: "" }))
      yield* world.register()
    }
    expect(world.notes).toEqual([])
  })
)

scoped("a user whom nobody knows has no history", (world) =>
  Effect.gen(function* () {
    yield* world.register({ userId: "0".repeat(64) })
    expect(world.notes).toEqual([])
  })
)

scoped("a refusal is answered although storage cannot be asked", (world) =>
  Effect.gen(function* () {
    const faults = yield* StorageFaults
    faults.failNext("findUser")
    expect(yield* world.register({ authType: "Kerberos" })).toBe(36)
    expect(world.notes).toEqual([])
  })
)
