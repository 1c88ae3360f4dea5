import { Effect, Exit, FiberSet, type Scope } from "effect"
import { type PushNotification, Verdict } from "../../schemas/Push.ts"
import { BadgeLanes, type BadgeTicket, withoutBadge } from "./BadgeLanes.ts"
import { Circuit } from "./Circuit.ts"
import { failureReason } from "./FailureReason.ts"
import type { Gateway } from "./Gateway.ts"
import type { GatewayHealth } from "./Push.ts"
import * as PushMetrics from "./PushMetrics.ts"
import { persistently } from "./Retries.ts"
import { StageHealth } from "./StageHealth.ts"
import { reportConvicted, reportOf } from "./StageReports.ts"
import { Suspects } from "./Suspects.ts"

/** The way to one gateway. */
export interface GatewayStage {
  /** See `Push.send`. */
  readonly send: (notification: PushNotification, until?: number) => Effect.Effect<Verdict>
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
  const lanes = new BadgeLanes()
  const watch = new StageHealth()
  const waiting = new Set<Entry>()
  const metrics = PushMetrics.of(gateway.name)
  let held = 0
  let busy = 0
  let closed = false

  const answer = (entry: Entry, verdict: Verdict) => {
    metrics.verdict[verdict._tag].unsafeUpdate(1, [])
    if (verdict._tag !== "Delivered") metrics.failure(failureReason(verdict)).unsafeUpdate(1, [])
    entry.resume(verdict)
    if (entry.badge) lanes.landed(entry.badge)
  }

  const supersede = (entry: Entry) => {
    metrics.superseded.unsafeUpdate(1, [])
    entry.resume(Verdict.Delivered())
  }

  /** What the entry is to be sent as; undefined: not now, and it has been seen to. */
  const departing = (entry: Entry): PushNotification | undefined => {
    if (entry.badge === undefined) return entry.notification
    switch (lanes.standing(entry.badge)) {
      case "Go":
        lanes.depart(entry.badge)
        return entry.notification
      case "Bare":
        return withoutBadge(entry.notification)
      case "Wait":
        hold(entry, entry.badge)
        return undefined
      case "Superseded":
        supersede(entry)
        return undefined
    }
  }

  const take = (): Batch => {
    const entries: Array<Entry> = []
    const notifications: Array<PushNotification> = []
    for (const entry of waiting) {
      if (entries.length === gateway.batchSize) break
      waiting.delete(entry)
      const notification = departing(entry)
      if (notification === undefined) continue
      entries.push(entry)
      notifications.push(notification)
    }
    metrics.waiting.unsafeUpdate(waiting.size, [])
    return { entries, notifications }
  }

  const refuseWaiting = () => {
    const verdict = closed ? SHUTTING_DOWN : circuit.refusal(now())
    if (!verdict) return
    for (const entry of waiting) answer(entry, verdict)
    waiting.clear()
    metrics.waiting.unsafeUpdate(waiting.size, [])
  }

  const settle = ({ entries, notifications }: Batch, exit: Exit.Exit<ReadonlyArray<Verdict>>) => {
    const probe = entries.some((entry) => entry.probe)
    const before = circuit.trouble
    const said = entries.map((_, i) => (Exit.isSuccess(exit) ? exit.value[i] : undefined) ?? UNKNOWN)
    // A crash or a shutdown says nothing about the gateway.
    if (Exit.isSuccess(exit)) circuit.report(said, probe, now())
    else if (probe) circuit.abandonProbe()
    const verdicts = suspects.judge(notifications, said)
    watch.answered(verdicts, now())
    for (const [i, entry] of entries.entries()) answer(entry, verdicts[i] ?? UNKNOWN)
    refuseWaiting()
    metrics.down.unsafeUpdate(circuit.trouble ? 1 : 0, [])
    const report = reportOf(gateway, exit, before, circuit.trouble, now())
    return verdicts === said ? report : Effect.zipRight(report, reportConvicted(gateway, verdicts))
  }

  const deliver = (batch: Batch) =>
    Effect.suspend(() => {
      const started = now()
      metrics.batchSize.unsafeUpdate(batch.entries.length, [])
      return gateway.send(batch.notifications).pipe(
        Effect.timeoutTo({
          duration: REQUEST_LONGEST,
          onSuccess: (verdicts) => verdicts,
          onTimeout: () => batch.entries.map(() => NO_ANSWER)
        }),
        Effect.onExit((exit) => {
          metrics.seconds.unsafeUpdate((now() - started) / 1000, [])
          return settle(batch, exit)
        }),
        Effect.catchAllCause(() => Effect.void)
      )
    })

  const work = Effect.fnUntraced(
    function* (first: Batch) {
      for (let batch = first; batch.entries.length > 0; batch = take()) yield* deliver(batch)
    },
    Effect.ensuring(
      Effect.sync(() => {
        busy--
        metrics.underWay.unsafeUpdate(busy, [])
      })
    )
  )

  const enqueue = (entry: Entry) => {
    waiting.add(entry)
    metrics.waiting.unsafeUpdate(waiting.size, [])
    if (busy >= gateway.slots) return
    if (busy === 0) watch.began(now())
    busy++
    metrics.underWay.unsafeUpdate(busy, [])
    run(work(take()))
  }

  /** Its device is just getting another number; afterwards it comes like a new one. */
  const hold = (entry: Entry, badge: BadgeTicket) => {
    held++
    const release = lanes.hold(badge, () => {
      held--
      entry.leave = NOTHING
      submit(entry)
    })
    entry.leave = () => {
      held--
      release()
    }
  }

  const submit = (entry: Entry): void => {
    if (closed) return answer(entry, SHUTTING_DOWN)
    if (waiting.size + held >= waitingMax) return answer(entry, QUEUE_FULL)
    if (entry.badge) {
      const standing = lanes.standing(entry.badge)
      if (standing === "Superseded") return supersede(entry)
      if (standing === "Wait") return hold(entry, entry.badge)
    }
    const admission = circuit.admit(now())
    if (admission._tag === "Refuse") return answer(entry, admission.verdict)
    entry.probe = admission._tag === "Probe"
    entry.leave = () => waiting.delete(entry)
    enqueue(entry)
  }

  const once = (notification: PushNotification, badge: BadgeTicket | undefined) =>
    Effect.async<Verdict>((resume) => {
      const entry: Entry = {
        notification,
        badge: badge && { ...badge },
        since: now(),
        probe: false,
        resume: (verdict) => resume(Effect.succeed(verdict)),
        leave: NOTHING
      }
      submit(entry)
      return Effect.sync(() => entry.leave())
    })

  const pause = (verdict: Verdict): number | undefined => {
    if (closed || verdict === QUEUE_FULL) return undefined
    return verdict._tag === "RetryLater" && verdict.after > 0 ? verdict.after : circuit.retryIn(now())
  }

  const onRetry = () => metrics.retries.unsafeUpdate(1, [])

  const send: GatewayStage["send"] = (notification, until) =>
    Effect.suspend(() => {
      const badge = lanes.join(notification)
      const trying = once(notification, badge)
      const sending =
        until === undefined ? trying : persistently({ once: trying, until, now, pause, onRetry })
      return badge
        ? Effect.ensuring(
            sending,
            Effect.sync(() => lanes.leave(badge))
          )
        : sending
    })

  // Runs before the workers are interrupted, so that nobody is left waiting for them.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      refuseWaiting()
    })
  )

  const health = (): GatewayHealth => {
    const [oldest] = waiting
    return {
      gateway: gateway.name,
      up: circuit.trouble === undefined,
      downSince: circuit.trouble?.since,
      lastError: watch.lastError?.reason,
      lastErrorAt: watch.lastError?.at,
      underWay: busy,
      waiting: waiting.size + held,
      oldestWaiting: oldest?.since,
      stalledSince: watch.stalledSince(busy > 0 || waiting.size > 0, now()),
      expires: gateway.expires ?? []
    }
  }

  return {
    send,
    accepts: () => !closed && waiting.size + held < waitingMax && circuit.accepts(now()),
    health
  }
})

interface Entry {
  readonly notification: PushNotification
  readonly badge: BadgeTicket | undefined
  /** When it was handed in. */
  readonly since: number
  /** Never waits: what opened the circuit left a slot free, and only one probe is under way. */
  probe: boolean
  readonly resume: (verdict: Verdict) => void
  /** Takes it out of where it waits; nothing once it is under way. */
  leave: () => void
}

/** Entries and what is sent of them, in the same order. */
interface Batch {
  readonly entries: ReadonlyArray<Entry>
  readonly notifications: ReadonlyArray<PushNotification>
}

const NOTHING = () => {}

/** Whether the gateway took it is not known; a repeat has the same id and does no harm. */
const UNKNOWN = Verdict.RetryLater({ after: 0 })
const SHUTTING_DOWN = Verdict.RetryLater({ after: 0 })
const QUEUE_FULL = Verdict.GatewayDown({ reason: "queue full" })
const NO_ANSWER = Verdict.GatewayDown({ reason: `no answer within ${REQUEST_LONGEST / 1000} s` })
