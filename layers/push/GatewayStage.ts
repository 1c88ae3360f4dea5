import { Cause, Effect, Exit, FiberSet, type Scope } from "effect"
import { type PushNotification, Verdict } from "../../schemas/Push.ts"
import { Circuit } from "./Circuit.ts"
import type { Gateway } from "./Gateway.ts"
import type { GatewayHealth } from "./Push.ts"
import * as PushMetrics from "./PushMetrics.ts"
import { Suspects } from "./Suspects.ts"

/** The way to one gateway. */
export interface GatewayStage {
  /** One verdict, soon: see `Push.send`. */
  readonly send: (notification: PushNotification) => Effect.Effect<Verdict>
  /** See `Push.isUp`. */
  readonly accepts: () => boolean
  readonly health: () => GatewayHealth
}

/** How many notifications may wait for a slot of a gateway (at 4 KB each: 40 MB). */
export const WAITING_MAX = 10_000

/** Milliseconds after which a request is given up, whatever its gateway's own timeouts are. */
export const REQUEST_LONGEST = 60_000

/**
 * Queue, slots and circuit of one gateway. A notification that finds a free slot is sent at once and alone; those that
 * find none wait, and leave together, as many as a request may carry, when a slot becomes free. When the circuit opens
 * or the gateway throttles, those that wait are answered at once. A sender that is interrupted takes its notification
 * out of the queue; one that is under way stays under way, for the sake of the others in its batch.
 */
export const make = Effect.fnUntraced(function* (
  gateway: Gateway,
  waitingMax: number = WAITING_MAX
): Effect.fn.Return<GatewayStage, never, Scope.Scope> {
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
  const run = yield* FiberSet.makeRuntime<never>()
  const circuit = new Circuit()
  const suspects = new Suspects()
  const waiting = new Set<Entry>()
  const metrics = metricsOf(gateway)
  let busy = 0
  let closed = false

  const answer = (entry: Entry, verdict: Verdict) => {
    metrics.verdict[verdict._tag].unsafeUpdate(1, [])
    entry.resume(verdict)
  }

  const take = (): ReadonlyArray<Entry> => {
    const batch: Array<Entry> = []
    for (const entry of waiting) {
      if (batch.length === gateway.batchSize) break
      waiting.delete(entry)
      batch.push(entry)
    }
    metrics.waiting.unsafeUpdate(waiting.size, [])
    return batch
  }

  const refuseWaiting = () => {
    const verdict = closed ? SHUTTING_DOWN : circuit.refusal(now())
    if (!verdict) return
    for (const entry of waiting) answer(entry, verdict)
    waiting.clear()
    metrics.waiting.unsafeUpdate(waiting.size, [])
  }

  const settle = (batch: ReadonlyArray<Entry>, exit: Exit.Exit<ReadonlyArray<Verdict>>) => {
    const probe = batch.some((entry) => entry.probe)
    const before = circuit.trouble
    const said = batch.map((_, i) => (Exit.isSuccess(exit) ? exit.value[i] : undefined) ?? UNKNOWN)
    // A crash or a shutdown says nothing about the gateway.
    if (Exit.isSuccess(exit)) circuit.report(said, probe, now())
    else if (probe) circuit.abandonProbe()
    const verdicts = suspects.judge(
      batch.map(({ notification }) => notification),
      said
    )
    for (const [i, entry] of batch.entries()) answer(entry, verdicts[i] ?? UNKNOWN)
    refuseWaiting()
    metrics.down.unsafeUpdate(circuit.trouble ? 1 : 0, [])
    const report = reportOf(gateway, exit, before, circuit.trouble, now())
    return verdicts === said ? report : Effect.zipRight(report, reportConvicted(gateway, verdicts))
  }

  const deliver = (batch: ReadonlyArray<Entry>) =>
    Effect.suspend(() => {
      const started = now()
      metrics.batchSize.unsafeUpdate(batch.length, [])
      return gateway.send(batch.map((entry) => entry.notification)).pipe(
        Effect.timeoutTo({
          duration: REQUEST_LONGEST,
          onSuccess: (verdicts) => verdicts,
          onTimeout: () => batch.map(() => NO_ANSWER)
        }),
        Effect.onExit((exit) => {
          metrics.seconds.unsafeUpdate((now() - started) / 1000, [])
          return settle(batch, exit)
        }),
        Effect.catchAllCause(() => Effect.void)
      )
    })

  const work = Effect.fnUntraced(
    function* (first: ReadonlyArray<Entry>) {
      for (let batch = first; batch.length > 0; batch = take()) yield* deliver(batch)
    },
    Effect.ensuring(Effect.sync(() => busy--))
  )

  const enqueue = (entry: Entry) => {
    waiting.add(entry)
    metrics.waiting.unsafeUpdate(waiting.size, [])
    if (busy >= gateway.slots) return
    busy++
    run(work(take()))
  }

  const send = (notification: PushNotification) =>
    Effect.async<Verdict>((resume) => {
      const reply = (verdict: Verdict) => resume(Effect.succeed(verdict))
      const entry = { notification, probe: false, resume: reply }
      if (closed) return answer(entry, SHUTTING_DOWN)
      if (waiting.size >= waitingMax) return answer(entry, QUEUE_FULL)
      const admission = circuit.admit(now())
      if (admission._tag === "Refuse") return answer(entry, admission.verdict)
      const admitted = { ...entry, probe: admission._tag === "Probe" }
      enqueue(admitted)
      return Effect.sync(() => waiting.delete(admitted))
    })

  // Runs before the workers are interrupted, so that nobody is left waiting for them.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      refuseWaiting()
    })
  )

  return {
    send,
    accepts: () => !closed && waiting.size < waitingMax && circuit.accepts(now()),
    health: () => ({
      gateway: gateway.name,
      up: circuit.trouble === undefined,
      lastError: circuit.trouble?.reason,
      downSince: circuit.trouble?.since
    })
  }
})

interface Entry {
  readonly notification: PushNotification
  /** Never waits: what opened the circuit left a slot free, and only one probe is under way. */
  readonly probe: boolean
  readonly resume: (verdict: Verdict) => void
}

/** Whether the gateway took it is not known; a repeat has the same id and does no harm. */
const UNKNOWN = Verdict.RetryLater({ after: 0 })
const SHUTTING_DOWN = Verdict.RetryLater({ after: 0 })
const QUEUE_FULL = Verdict.GatewayDown({ reason: "queue full" })
const NO_ANSWER = Verdict.GatewayDown({ reason: `no answer within ${REQUEST_LONGEST / 1000} s` })

const metricsOf = ({ name }: Gateway) => ({
  verdict: {
    Delivered: PushMetrics.verdicts(name, "Delivered"),
    TokenDead: PushMetrics.verdicts(name, "TokenDead"),
    RetryLater: PushMetrics.verdicts(name, "RetryLater"),
    Rejected: PushMetrics.verdicts(name, "Rejected"),
    GatewayDown: PushMetrics.verdicts(name, "GatewayDown")
  },
  waiting: PushMetrics.waiting(name),
  down: PushMetrics.down(name),
  batchSize: PushMetrics.batchSize(name),
  seconds: PushMetrics.seconds(name)
})

const reportOf = (
  { name }: Gateway,
  exit: Exit.Exit<ReadonlyArray<Verdict>>,
  before: Circuit["trouble"],
  after: Circuit["trouble"],
  now: number
): Effect.Effect<void> => {
  if (Exit.isFailure(exit))
    return Cause.isInterruptedOnly(exit.cause)
      ? Effect.void
      : Effect.logError(`Push gateway ${name} crashed: ${crashOf(exit.cause)}`)
  if (after && !before) return Effect.logWarning(`Push gateway ${name} is down: ${after.reason}`)
  if (before && !after)
    return Effect.logInfo(
      `Push gateway ${name} is up again after ${Math.round((now - before.since) / 1000)} s`
    )
  return Effect.void
}

const reportConvicted = ({ name }: Gateway, [verdict]: ReadonlyArray<Verdict>): Effect.Effect<void> =>
  verdict?._tag === "Rejected"
    ? Effect.logWarning(
        `Push gateway ${name} stumbles over a notification; it is given up: ${verdict.reason}`
      )
    : Effect.void

/** Kind and place of a crash, without its message: that may quote a mail. */
const crashOf = (cause: Cause.Cause<never>): string => {
  const crash = Cause.squash(cause)
  if (!(crash instanceof Error)) return typeof crash
  const place = crash.stack?.split("\n").find((line) => line.startsWith("    at "))
  return `${crash.name}${place ? ` ${place.trim()}` : ""}`
}
