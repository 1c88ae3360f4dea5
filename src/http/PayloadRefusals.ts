import { Clock, Effect, Metric } from "effect"
import { ENCODING } from "../../layers/crypto/RsaKeys.ts"
import { reportTrouble } from "../../layers/telemetry/Troubles.ts"
import type { TenantNumber, UserId } from "../../schemas/Ids.ts"

/** Which check of a payload failed, and the label that the metric has for it. */
export const PAYLOAD_CHECKS = {
  [ENCODING]: "encoding",
  "key or content": "content",
  "no user": "user",
  emailAddress: "address",
  ewsUrl: "ews-url",
  deviceToken: "device-token",
  issuedAt: "issued-at",
  accessTokenExpiresAt: "expiry"
} as const

export type PayloadCheck = keyof typeof PAYLOAD_CHECKS

const refusals = Metric.counter("ens_payload_refusals_total", {
  description: "Registration payloads that were refused (code 34), by the check that failed",
  incremental: true
})
const counter = (check: PayloadCheck) => Metric.tagged(refusals, "reason", PAYLOAD_CHECKS[check])
type Counter = ReturnType<typeof counter>

/** All series, so that they show from the first scrape on. */
export const payloadRefusals: Readonly<Record<PayloadCheck, Counter>> = {
  [ENCODING]: counter(ENCODING),
  "key or content": counter("key or content"),
  "no user": counter("no user"),
  emailAddress: counter("emailAddress"),
  ewsUrl: counter("ewsUrl"),
  deviceToken: counter("deviceToken"),
  issuedAt: counter("issuedAt"),
  accessTokenExpiresAt: counter("accessTokenExpiresAt")
}

/** In a minute: a phone with an old key needs one, and its user taps a few times more. */
const MANY_OF_A_USER = 20
const MANY_OF_ALL = 300
const MINUTE = 60_000
/** Users told apart within a minute; those beyond count among all only. */
const USERS_MAX = 10_000

/** Refused payloads of the present minute: whoever tries out what ENS says to blocks needs thousands. */
export class PayloadRefusals {
  #minute = Number.NaN
  #told = false
  #all = 0
  readonly #users = new Map<string, number>()

  /** Counts one and, once a minute if there are many, warns. Costs the same whatever the check was. */
  readonly note = (tenant: TenantNumber, userId: UserId, check: PayloadCheck): Effect.Effect<void> =>
    Effect.flatMap(Clock.currentTimeMillis, (at) => {
      payloadRefusals[check].unsafeUpdate(1, [])
      const what = this.#count(`${tenant}:${userId}`, Math.floor(at / MINUTE))
      return what === undefined
        ? Effect.void
        : Effect.logWarning(`${what}; see docs/troubleshooting.md`).pipe(
            Effect.annotateLogs({ fault: FAULT, logger: "PayloadRefusals" }),
            Effect.zipRight(
              reportTrouble({ fault: FAULT, where: "device API", what, told: true, holds: 10 * MINUTE })
            )
          )
    })

  #count(user: string, minute: number): string | undefined {
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#told = false
      this.#all = 0
      this.#users.clear()
    }
    const ofUser = (this.#users.get(user) ?? 0) + 1
    if (ofUser > 1 || this.#users.size < USERS_MAX) this.#users.set(user, ofUser)
    this.#all++
    if (this.#told || (ofUser < MANY_OF_A_USER && this.#all < MANY_OF_ALL)) return undefined
    this.#told = true
    return ofUser < MANY_OF_A_USER
      ? `${this.#all} registration payloads could not be used within a minute`
      : `${ofUser} registration payloads of one user could not be used within a minute`
  }
}

const FAULT = "payload-refusals"
