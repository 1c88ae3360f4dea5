import { Context, Deferred, Effect, Exit, FiberId, Layer, Runtime } from "effect"
import { cleanRuntime } from "../../actors/CleanRuntime.ts"
import { type GatewayHealth, Push } from "../../layers/push/Push.ts"
import { isFinal, type Platform, type PushNotification, Verdict } from "../../schemas/Push.ts"

/** One call of `Push.send` and what it was answered. */
export interface Attempt {
  readonly notification: PushNotification
  readonly verdict: Verdict
}

/** A platform, or the token of one device. A token's script wins over its platform's. */
export type Aim = Platform | { readonly token: string }

/**
 * Stands in for the push stage in tests of whoever sends: records everything, answers as scripted, and can be held to
 * stop a sender in the middle. Without a script every notification is `Delivered`.
 */
export class FakePush extends Context.Tag("test/FakePush")<
  FakePush,
  {
    /** Everything that was sent, in order, with its verdict. */
    readonly attempts: Effect.Effect<ReadonlyArray<Attempt>>
    /** What reached the phone with this token, in order; a repeat is in it twice. */
    readonly received: (token: string) => Effect.Effect<ReadonlyArray<PushNotification>>
    /** What that phone shows: a notification replaces the one with the same id. */
    readonly shown: (token: string) => Effect.Effect<ReadonlyArray<PushNotification>>
    /** Answers this from now on; undefined = back to `Delivered`. */
    readonly setVerdict: (aim: Aim, verdict: Verdict | undefined) => Effect.Effect<void>
    /** From now on this one never answers; the sender gives up. */
    readonly slow: (aim: Aim) => Effect.Effect<void>
    /** Answers this to the next `times` sends (1), whatever `setVerdict` says. */
    readonly failNext: (verdict: Verdict, times?: number) => Effect.Effect<void>
    /** The next `times` notifications (1) reach the phone, but the sender is told `verdict`: an answer got lost. */
    readonly loseNextAnswer: (verdict?: Verdict, times?: number) => Effect.Effect<void>
    /** `isUp` becomes false and every send is answered `GatewayDown`. */
    readonly down: (platform: Platform) => Effect.Effect<void>
    readonly up: (platform: Platform) => Effect.Effect<void>
    /** From now on `send` waits, before it does anything, until `release`. Interrupted senders have sent nothing. */
    readonly hold: Effect.Effect<void>
    readonly release: Effect.Effect<void>
    /** Waits until `send` was called `n` times in all, held calls included. */
    readonly awaitCalls: (n: number) => Effect.Effect<void>
    readonly counters: Effect.Effect<{
      /** Calls of `send`, held and interrupted ones included. */
      readonly calls: number
      readonly delivered: number
      /** Answered with another final verdict than `Delivered`. */
      readonly refused: number
      /** Answered with a verdict that asks to try again. */
      readonly postponed: number
    }>
    /** Forgets what was recorded; scripts stay. */
    readonly clear: Effect.Effect<void>
  }
>() {}

const make = Effect.gen(function* () {
  let attempts: Array<Attempt> = []
  let phones: Array<PushNotification> = []
  let calls = 0
  let waiting: Array<{ readonly n: number; readonly reached: Deferred.Deferred<void> }> = []
  const scripts = new Map<string, Verdict>()
  const next: Array<{ readonly verdict: Verdict; readonly reaches: boolean }> = []
  const downSince = new Map<Platform, number>()
  const slow = new Set<string>()
  const gate = yield* Effect.makeLatch(true)

  const key = (aim: Aim) => (typeof aim === "string" ? aim : `token ${aim.token}`)

  const answer = (notification: PushNotification): Verdict => {
    const { platform, token } = notification.target
    const once = next.shift()
    const verdict =
      once?.verdict ??
      (downSince.has(platform) ? Verdict.GatewayDown({ reason: "down (test)" }) : undefined) ??
      scripts.get(key({ token })) ??
      scripts.get(key(platform)) ??
      Verdict.Delivered()
    if (once?.reaches || verdict._tag === "Delivered") phones.push(notification)
    attempts.push({ notification, verdict })
    return verdict
  }

  const send = Effect.fnUntraced(function* (notification: PushNotification) {
    calls++
    const reached = waiting.filter(({ n }) => n <= calls)
    waiting = waiting.filter(({ n }) => n > calls)
    for (const waiter of reached) yield* Deferred.succeed(waiter.reached, undefined)
    yield* gate.await
    const { platform, token } = notification.target
    if (slow.has(key({ token })) || slow.has(key(platform))) return yield* Effect.never
    return answer(notification)
  })

  const health = (platform: Platform): GatewayHealth => ({
    gateway: platform === "iOS" ? "apns" : "fcm",
    up: !downSince.has(platform),
    lastError: downSince.has(platform) ? "down (test)" : undefined,
    lastErrorAt: downSince.get(platform),
    downSince: downSince.get(platform),
    underWay: 0,
    waiting: 0,
    oldestWaiting: undefined,
    stalledSince: undefined,
    expires: []
  })

  const fork = Runtime.runFork(yield* cleanRuntime<never>())
  const push = Push.of({
    send,
    post: (notification, _until, answered) => {
      const fiber = fork(send(notification))
      fiber.addObserver((exit) => {
        if (Exit.isSuccess(exit)) answered(exit.value)
      })
      return () => fiber.unsafeInterruptAsFork(FiberId.none)
    },
    isUp: (platform) => !downSince.has(platform),
    health: Effect.sync(() => [health("iOS"), health("Android")])
  })

  const script = (entry: (typeof next)[number], times: number) =>
    Effect.sync(() => {
      for (let i = 0; i < times; i++) next.push(entry)
    })

  const received = (token: string) => phones.filter((one) => one.target.token === token)

  const fake = FakePush.of({
    attempts: Effect.sync(() => [...attempts]),
    received: (token) => Effect.sync(() => received(token)),
    shown: (token) =>
      Effect.sync(() => [...new Map(received(token).map((one) => [one.id, one] as const)).values()]),
    setVerdict: (aim, verdict) =>
      Effect.sync(() => {
        if (verdict) scripts.set(key(aim), verdict)
        else scripts.delete(key(aim))
      }),
    slow: (aim) =>
      Effect.sync(() => {
        slow.add(key(aim))
      }),
    failNext: (verdict, times = 1) => script({ verdict, reaches: false }, times),
    loseNextAnswer: (verdict = Verdict.GatewayDown({ reason: "answer lost (test)" }), times = 1) =>
      script({ verdict, reaches: true }, times),
    down: (platform) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          downSince.set(platform, clock.unsafeCurrentTimeMillis())
        })
      ),
    up: (platform) =>
      Effect.sync(() => {
        downSince.delete(platform)
      }),
    hold: gate.close,
    release: gate.open,
    awaitCalls: Effect.fnUntraced(function* (n: number) {
      if (calls >= n) return
      const reached = yield* Deferred.make<void>()
      waiting.push({ n, reached })
      yield* Deferred.await(reached)
    }),
    counters: Effect.sync(() => ({
      calls,
      delivered: attempts.filter((one) => one.verdict._tag === "Delivered").length,
      refused: attempts.filter((one) => isFinal(one.verdict) && one.verdict._tag !== "Delivered").length,
      postponed: attempts.filter((one) => !isFinal(one.verdict)).length
    })),
    clear: Effect.sync(() => {
      attempts = []
      phones = []
    })
  })

  return Context.make(Push, push).pipe(Context.add(FakePush, fake))
})

/** `Push` and the handle that scripts it, new with every build of the layer. */
export const layer: Layer.Layer<Push | FakePush> = Layer.effectContext(make)
