import { expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { Gateway } from "../../../../layers/push/Gateway.ts"
import type { Platform, Verdict } from "../../../../schemas/Push.ts"
import type { PushStandIn } from "../../../../src/sandbox/PushControl.ts"
import type { PushFault } from "../../../../src/sandbox/PushFaults.ts"
import { notification } from "../../../support/Notifications.ts"
import { connectTo } from "./Connection.ts"

/** A stand-in, and the product's own gateway as its client. */
export interface PushRig {
  readonly standIn: PushStandIn
  readonly gateway: Gateway
}

export interface PushSuiteOptions {
  /** The service says that it took a notification, and what Apple or Google thinks of the token at the next one. */
  readonly asksLater?: boolean
}

/** What the product has to make of each fault, in whatever words the stand-in says it. */
const EXPECTED: ReadonlyArray<readonly [PushFault, Partial<Verdict>]> = [
  [{ kind: "reject" }, { _tag: "Rejected" }],
  [
    { kind: "throttled", retryAfter: "7" },
    { _tag: "RetryLater", after: 7_000, everyone: true }
  ],
  [{ kind: "unauthorized" }, { _tag: "GatewayDown" }],
  [{ kind: "status", status: 503 }, { _tag: "GatewayDown" }],
  [
    { kind: "status", status: 503, retryAfter: "7" },
    { _tag: "RetryLater", after: 7_000 }
  ],
  [{ kind: "malformed" }, { _tag: "GatewayDown" }]
]

/** What every stand-in of a push service does. */
export const pushSuite = (
  name: string,
  platforms: ReadonlyArray<Platform>,
  rig: Effect.Effect<PushRig, unknown, Scope.Scope>,
  { asksLater = false }: PushSuiteOptions = {}
) => {
  const send = ({ gateway }: PushRig, n: number, platform = platforms[0]!) =>
    Effect.map(gateway.send([notification(n, { platform })]), ([verdict]) => verdict)
  const tokens = ({ standIn }: PushRig) => standIn.received().map((one) => one.deviceToken)
  const say = ({ standIn }: PushRig, body: unknown) =>
    Effect.gen(function* () {
      const control = yield* connectTo(`${standIn.controlUrl}/faults`)
      return (yield* control.post(JSON.stringify(body))).status
    })

  it.scopedLive(`${name} keeps what a phone gets, and tells it`, () =>
    Effect.gen(function* () {
      const all = yield* rig
      const heard: Array<string> = []
      const stop = all.standIn.onNotification((one) => heard.push(one.deviceToken))
      for (const [n, platform] of platforms.entries())
        expect((yield* send(all, n, platform))?._tag).toBe("Delivered")
      const seen = platforms.map((platform, n) => ({
        deviceToken: `token-${n}`,
        deviceType: platform,
        payload: notification(n, { platform }).payload
      }))
      expect(all.standIn.received()).toMatchObject(seen)
      stop()
      yield* send(all, 9)
      expect(heard).toEqual(seen.map((one) => one.deviceToken))
      expect(new Set(all.standIn.requests().map(({ reason, status }) => `${status} ${reason}`))).toEqual(
        new Set(["200 "])
      )
      const state = yield* Effect.promise(() =>
        fetch(`${all.standIn.controlUrl}/state`).then((response) => response.json())
      )
      expect(state).toMatchObject({ url: all.standIn.url, received: [...seen, { deviceToken: "token-9" }] })
    })
  )

  it.scopedLive.each(EXPECTED)(`${name} says %j so that the product understands it`, ([fault, expected]) =>
    Effect.gen(function* () {
      const all = yield* rig
      yield* all.standIn.addFault({ ...fault, times: 1 })
      // Not this one's business.
      yield* all.standIn.addFault({ ...fault, deviceToken: "token-2" })
      yield* send(all, 1).pipe(Effect.map((verdict) => expect(verdict).toMatchObject(expected)))
      expect(tokens(all)).toEqual([])
      expect((yield* send(all, 1))?._tag).toBe("Delivered")
      expect((yield* send(all, 2))?._tag).not.toBe("Delivered")
      yield* all.standIn.clearFaults
      expect((yield* send(all, 2))?._tag).toBe("Delivered")
      expect(tokens(all)).toEqual(["token-1", "token-2"])
    })
  )

  it.scopedLive.each([{ kind: "dead" }, { kind: "badToken" }] as const)(
    `${name} says %j of one token${asksLater ? ", at the next notification," : ""} and others get theirs`,
    ({ kind }) =>
      Effect.gen(function* () {
        const all = yield* rig
        yield* all.standIn.addFault({ kind, deviceToken: "token-1" })
        if (asksLater) expect((yield* send(all, 1))?._tag).toBe("Delivered")
        expect((yield* send(all, 1))?._tag).toBe("TokenDead")
        expect((yield* send(all, 2))?._tag).toBe("Delivered")
        expect(tokens(all)).toEqual(["token-2"])
      })
  )

  it.scopedLive(`${name} is slow by script, and cuts after it has taken a notification`, () =>
    Effect.gen(function* () {
      const all = yield* rig
      yield* all.standIn.addFault({ kind: "slow", milliseconds: 5, times: 1 })
      expect((yield* send(all, 1))?._tag).toBe("Delivered")
      yield* all.standIn.addFault({ kind: "cut", deviceToken: "token-1", times: 1 })
      // The product tries once more on a new connection.
      expect((yield* send(all, 1))?._tag).toBe("Delivered")
      expect(tokens(all)).toEqual(["token-1", "token-1", "token-1"])
      expect(all.standIn.requests().filter(({ status }) => status === 0)).toHaveLength(1)
    })
  )

  it.scopedLive(`${name} is down and up again, by call and by its control interface, which stays`, () =>
    Effect.gen(function* () {
      const all = yield* rig
      yield* send(all, 1)
      yield* all.standIn.down
      expect((yield* send(all, 2))?._tag).toBe("GatewayDown")
      yield* all.standIn.up
      expect((yield* send(all, 2))?._tag).toBe("Delivered")
      expect(yield* say(all, { kind: "down", seconds: 0.1 })).toBe(200)
      expect((yield* send(all, 3))?._tag).toBe("GatewayDown")
      yield* Effect.repeat(Effect.delay(send(all, 3), 20), {
        until: (verdict) => verdict?._tag === "Delivered"
      })
      expect(tokens(all)).toEqual(["token-1", "token-2", "token-3"])
    })
  )

  it.scopedLive(`${name} obeys its control interface, and nothing else`, () =>
    Effect.gen(function* () {
      const all = yield* rig
      expect(yield* say(all, { kind: "rain" })).toBe(400)
      expect(yield* say(all, { kind: "status", status: 200 })).toBe(400)
      expect(yield* say(all, { kind: "status", status: 500 })).toBe(200)
      expect((yield* send(all, 1))?._tag).toBe("GatewayDown")
      expect(yield* say(all, { kind: "clear" })).toBe(200)
      expect((yield* send(all, 1))?._tag).toBe("Delivered")
    })
  )
}
