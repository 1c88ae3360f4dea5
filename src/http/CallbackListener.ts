import type { IncomingMessage, ServerResponse } from "node:http"
import { Context, Effect, Layer, Metric, type Scope } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { makeCallbackReader } from "../../layers/ews/CallbackReader.ts"
import { makeHostList } from "../../layers/net/HostList.ts"
import { Ownership } from "../../layers/ownership/Ownership.ts"
import { Spans } from "../../layers/telemetry/Spans.ts"
import { Settings } from "../../schemas/Settings.ts"
import { CallbackDispatcher } from "./CallbackDispatcher.ts"
import { makeIsCallback } from "./CallbackUrl.ts"
import { CallbackCounts, guardAlarms, guardOn } from "./HttpMetrics.ts"
import { Intake } from "./Intake.ts"
import { Limits } from "./Limits.ts"
import { MassGuard } from "./MassGuard.ts"

/**
 * Exchange's way in: `POST <base path>/pushnotificationlistener`. A plain `node:http` listener, because a router and a
 * fiber per request would cost several times as much as all the rest of a heartbeat.
 */
export class CallbackListener extends Context.Tag("ens/CallbackListener")<
  CallbackListener,
  {
    /** Answers the request if its path is the callback's; false: it is somebody else's, nothing was done. Never throws. */
    readonly take: (request: IncomingMessage, response: ServerResponse) => boolean
    /** How many callbacks are not answered yet. */
    readonly inHand: () => number
    /** Answers 503 to those, for the process is about to end: Exchange sends them again. */
    readonly giveBack: Effect.Effect<void>
  }
>() {}

/** Time beyond the callback deadline in which an actor should have answered in any case. */
const GRACE = 2000

export const make: Effect.Effect<
  CallbackListener["Type"],
  never,
  CallbackSeal | Subscriptions | Settings | Intake | Limits | Ownership | Scope.Scope
> = Effect.gen(function* () {
  const settings = yield* Settings
  const seal = yield* CallbackSeal
  const subscriptions = yield* Subscriptions
  const intake = yield* Intake
  const limits = yield* Limits
  const { role } = yield* Ownership
  const { record } = yield* Spans
  const clock = yield* Effect.clock
  const counts = new CallbackCounts()
  const guard = new MassGuard()
  const now = () => clock.unsafeCurrentTimeMillis()
  const dispatcher = new CallbackDispatcher({
    verify: seal.verify,
    post: subscriptions.post,
    read: makeCallbackReader(),
    isOpen: intake.isOpen,
    pressure: intake.pressure,
    role,
    now,
    guard,
    counts,
    patience: settings.callbackDeadline + GRACE,
    heldMax: settings.callbackHeldMax,
    limits,
    mayCall:
      settings.callbackSources.length === 0 ? undefined : makeHostList(settings.callbackSources).includes,
    record
  })
  const isCallback = makeIsCallback(settings.basePaths)

  yield* Effect.sleep("1 second").pipe(
    Effect.zipRight(Effect.sync(() => dispatcher.tick())),
    Effect.zipRight(Effect.suspend(() => counts.publish(dispatcher.held))),
    Effect.zipRight(watch(guard, now)),
    Effect.forever,
    Effect.forkScoped
  )
  return {
    take: (request, response) => {
      if (!isCallback(request.url ?? "")) return false
      dispatcher.dispatch(request, response)
      return true
    },
    inHand: () => dispatcher.inHand,
    giveBack: Effect.suspend(() => {
      const count = dispatcher.giveBack()
      const told =
        count === 0 ? Effect.void : Effect.logInfo(`${count} callbacks were given back to Exchange`)
      return Effect.zipRight(counts.publish(dispatcher.held), told)
    })
  }
})

export const layer: Layer.Layer<
  CallbackListener,
  never,
  CallbackSeal | Subscriptions | Settings | Intake | Limits | Ownership
> = Layer.scoped(CallbackListener, make)

/** One alarm for each time that the guard goes on, and a line when it is off again. */
const watch = (guard: MassGuard, now: () => number): Effect.Effect<void> => {
  let alarmed = 0
  let on = false
  return Effect.suspend(() => {
    const isOn = guard.isOn(now())
    const alarm = guard.episodes > alarmed
    const over = on && !isOn
    alarmed = guard.episodes
    on = isOn
    return Effect.all(
      [
        Metric.set(guardOn, isOn ? 1 : 0),
        alarm ? Effect.zipRight(Metric.increment(guardAlarms), Effect.logError(ALARM)) : Effect.void,
        over
          ? Effect.logInfo("unknown and forged callbacks are few again, they are answered Unsubscribe")
          : Effect.void
      ],
      { discard: true }
    )
  })
}

const ALARM =
  "masses of callbacks are unknown or forged: they get 503 in place of Unsubscribe; check that database and master key belong together, and that no proxy changes URLs"
