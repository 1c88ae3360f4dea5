import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, type Scope } from "effect"
import type { Gateway } from "../../../layers/push/Gateway.ts"
import { PAYLOAD_MAX, payloadBytes } from "../../../schemas/NotificationPayload.ts"
import type { Platform, PushNotification, Verdict } from "../../../schemas/Push.ts"
import { notification } from "../../support/Notifications.ts"

/** Trouble that a push service may have; not every gateway can have every one. */
export type Trouble =
  /** Asks everyone to come back in 7 s. */
  | "throttled"
  | "server error"
  | "refused connection"
  | "untrusted certificate"
  /** Accepts the request and never answers. */
  | "silent"
  | "malformed answer"
  | "endless answer"
  | "connection cut"
  /** Does not accept our identity. */
  | "unauthorized"
  /** Takes nothing of this request, without saying which notification is to blame. */
  | "refuses one token"
  /** Says that the token will never work again. */
  | "dead token"
  /** The place that is written to cannot be written. */
  | "not writable"

/** A gateway and the service behind it. */
export interface Rig {
  readonly gateway: Gateway
  /** What reached the service's phones, in order. */
  readonly arrived: Effect.Effect<
    ReadonlyArray<{ readonly deviceToken: string; readonly deviceType: string; readonly payload: unknown }>
  >
  /** The trouble is over. */
  readonly heal: Effect.Effect<void>
}

/** The token that is dead, or refused, in those troubles. */
export const BAD_TOKEN = "token-3"

/** What each gateway must answer in trouble. */
const EXPECTED: { readonly [T in Trouble]: (verdict: Verdict, bad: boolean) => boolean } = {
  throttled: (verdict) =>
    verdict._tag === "RetryLater" && verdict.after === 7_000 && verdict.everyone === true,
  "server error": (verdict) => verdict._tag === "GatewayDown",
  "refused connection": (verdict) => verdict._tag === "GatewayDown",
  "untrusted certificate": (verdict) => verdict._tag === "GatewayDown",
  silent: (verdict) => verdict._tag === "GatewayDown",
  "malformed answer": (verdict) => verdict._tag === "GatewayDown",
  "endless answer": (verdict) => verdict._tag === "GatewayDown",
  "connection cut": (verdict) => verdict._tag === "GatewayDown",
  unauthorized: (verdict) => verdict._tag === "GatewayDown",
  "refuses one token": (verdict, bad) => verdict._tag === (bad ? "Rejected" : "Delivered"),
  "dead token": (verdict, bad) => verdict._tag === (bad ? "TokenDead" : "Delivered"),
  "not writable": (verdict) => verdict._tag === "GatewayDown"
}

/**
 * What every gateway must do. `rig` makes one whose service has the trouble, or none; `able` lists the troubles that this
 * service can have, `serves` the platforms that it knows.
 */
export const gatewaySuite = (
  name: string,
  able: ReadonlyArray<Trouble>,
  rig: (trouble: Trouble | undefined) => Effect.Effect<Rig, unknown, Scope.Scope>,
  serves: ReadonlyArray<Platform> = ["iOS", "Android"]
) => {
  // As the stage does it: never more in a request than the gateway takes.
  const sendAll = (gateway: Gateway, notifications: ReadonlyArray<PushNotification>) =>
    Effect.map(
      Effect.forEach(Chunk.chunksOf(Chunk.fromIterable(notifications), gateway.batchSize), (chunk) =>
        gateway.send(Chunk.toReadonlyArray(chunk))
      ),
      (verdicts) => verdicts.flat()
    )

  const seen = (sent: ReadonlyArray<PushNotification>) =>
    sent.map(({ payload, target }) => ({ deviceToken: target.token, deviceType: target.platform, payload }))

  const delivers = (what: string, batch: ReadonlyArray<PushNotification>) =>
    it.scopedLive(`delivers ${what}`, () =>
      Effect.gen(function* () {
        const { arrived, gateway } = yield* rig(undefined)
        const verdicts = yield* sendAll(gateway, batch)
        expect(verdicts.map((verdict) => verdict._tag)).toEqual(batch.map(() => "Delivered"))
        expect(yield* arrived).toEqual(seen(batch))
      })
    )

  describe(`gateway ${name}`, () => {
    delivers("one notification", [notification(1)])
    delivers(`several, in order, for ${serves.join(" and ")}`, [
      notification(1),
      ...serves.map((platform, i) => notification(2 + i, { platform })),
      notification(9)
    ])
    delivers("any character", [
      notification(1, { payload: { aps: { alert: { title: `"\\\u2028 é 漢 😀 👨‍👩‍👧 \n` } } } })
    ])
    const full = { aps: { alert: { title: `${"漢".repeat(1355)}a` } } }
    it("has a payload of the full size to try", () => {
      expect(payloadBytes(full)).toBe(PAYLOAD_MAX)
    })
    delivers("a payload of the full size", [notification(1, { payload: full })])
    delivers("two notifications with the same id", [notification(1), { ...notification(2), id: "id-1" }])

    for (const trouble of able)
      it.scopedLive(`${trouble}: gives the right verdicts without a word of content, and recovers`, () =>
        Effect.gen(function* () {
          const { arrived, gateway, heal } = yield* rig(trouble)
          const batch = [1, 2, 3, 4, 5].map((n) => notification(n))
          const verdicts = yield* sendAll(gateway, batch)
          expect(verdicts).toHaveLength(batch.length)
          for (const [i, verdict] of verdicts.entries())
            expect(verdict).toSatisfy((it: Verdict) =>
              EXPECTED[trouble](it, batch[i]!.target.token === BAD_TOKEN)
            )
          expect(JSON.stringify(verdicts)).not.toMatch(/token-|Sender|Subject|item-/)
          const before = (yield* arrived).length
          expect(before).toBe(verdicts.filter((verdict) => verdict._tag === "Delivered").length)
          yield* heal
          expect((yield* gateway.send([notification(9)]))[0]?._tag).toBe("Delivered")
          expect((yield* arrived).slice(before)).toEqual(seen([notification(9)]))
        })
      )
  })
}
