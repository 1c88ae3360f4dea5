import { Effect, Exit, type Scope } from "effect"
import { isFinal, type PushNotification, type Verdict } from "../../schemas/Push.ts"
import { Spans } from "../telemetry/Spans.ts"
import { BadgeLanes, type BadgeTicket, withoutBadge } from "./BadgeLanes.ts"
import { Circuit } from "./Circuit.ts"
import { failureReason } from "./FailureReason.ts"
import * as Flights from "./Flights.ts"
import type { Gateway } from "./Gateway.ts"
import { withSpans } from "./GatewaySpans.ts"
import type { GatewayHealth, Push } from "./Push.ts"
import * as PushMetrics from "./PushMetrics.ts"
import { retryPause } from "./Retries.ts"
import {
  type Batch,
  DELIVERED,
  type Entry,
  NOTHING,
  QUEUE_FULL,
  REQUEST_LONGEST,
  SHUTTING_DOWN,
  UNKNOWN,
  verdictIn
} from "./StageEntry.ts"
import { StageHealth } from "./StageHealth.ts"
import { reportConvicted, reportOf } from "./StageReports.ts"
import { Suspects } from "./Suspects.ts"

/** The way to one gateway. */
export interface GatewayStage {
  /** See `Push.send`. */
  readonly send: (notification: PushNotification, until?: number) => Effect.Effect<Verdict>
  /** See `Push.post`. */
  readonly post: Push["Type"]["post"]
  /** See `Push.isUp`. */
  readonly accepts: () => boolean
  readonly health: () => GatewayHealth
}

/** How many notifications may wait for a slot of a gateway (at 4 KB each: 40 MB). */
export const WAITING_MAX = 10_000

/**
 * Queue, slots and circuit of one gateway. A notification that finds a free slot is sent at once and alone; those that
 * find none wait, and leave together, as many as a request may carry, when a slot becomes free. When the circuit opens
 * or the gateway throttles, those that wait are answered at once. A sender that is interrupted takes its notification
 * out of the queue; one that is under way stays under way, for the sake of the others in its batch.
 *
 * Plain callbacks, because this is done for every notification: `npm run bench -- push` measures it.
 */
export const make = Effect.fnUntraced(function* (
  gateway: Gateway,
  waitingMax: number = WAITING_MAX
): Effect.fn.Return<GatewayStage, never, Scope.Scope> {
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
  const flights = yield* Flights.make(withSpans(gateway, clock, (yield* Spans).record), REQUEST_LONGEST)
  const circuit = new Circuit()
  const suspects = new Suspects()
  const lanes = new BadgeLanes()
  const watch = new StageHealth()
  const meter = PushMetrics.meterOf(gateway.name)
  const waiting = new Set<Entry>()
  /** Until their device has got another number. */
  const held = new Set<Entry>()
  /** Until they are tried again. */
  const resting = new Set<Entry>()
  let busy = 0
  let launching = false
  let closed = false

  /** The entry has come to this, and nobody hears of it any more. */
  const finish = (entry: Entry, verdict: Verdict) => {
    entry.isOver = true
    if (entry.badge) lanes.leave(entry.badge)
    entry.answered(verdict)
  }

  const answer = (entry: Entry, verdict: Verdict) => {
    meter.answered(verdict._tag)
    if (verdict._tag !== "Delivered") meter.failed(failureReason(verdict))
    if (entry.badge) lanes.landed(entry.badge)
    if (entry.isOver) return
    const pause = pauseAfter(entry, verdict)
    if (pause === undefined) finish(entry, verdict)
    else rest(entry, pause)
  }

  const pauseAfter = ({ retries, until }: Entry, verdict: Verdict): number | undefined => {
    if (until === undefined || isFinal(verdict) || closed || verdict === QUEUE_FULL) return undefined
    const time = now()
    const asked = verdict._tag === "RetryLater" && verdict.after > 0 ? verdict.after : circuit.retryIn(time)
    return retryPause(verdict, { asked, left: until - time, random: Math.random(), retries })
  }

  const rest = (entry: Entry, pause: number) => {
    resting.add(entry)
    const again = Effect.sync(() => {
      resting.delete(entry)
      entry.retries++
      meter.retried()
      submit(entry)
    })
    const abandon = flights.run(Effect.delay(again, pause))
    entry.leave = () => {
      resting.delete(entry)
      abandon()
    }
  }

  const supersede = (entry: Entry) => {
    meter.superseded()
    finish(entry, DELIVERED)
  }

  const hold = (entry: Entry, badge: BadgeTicket) => {
    held.add(entry)
    const release = lanes.hold(badge, () => {
      held.delete(entry)
      submit(entry)
    })
    entry.leave = () => {
      held.delete(entry)
      release()
    }
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
      entry.leave = NOTHING
      const notification = departing(entry)
      if (notification === undefined) continue
      entries.push(entry)
      notifications.push(notification)
    }
    meter.waiting(waiting.size)
    return { entries, notifications }
  }

  const refuseWaiting = () => {
    const verdict = closed ? SHUTTING_DOWN : circuit.refusal(now())
    if (!verdict || waiting.size === 0) return
    const refused = [...waiting]
    waiting.clear()
    meter.waiting(0)
    for (const entry of refused) answer(entry, verdict)
  }

  const land = ({ entries, notifications }: Batch, landing: Flights.Landing) => {
    const probe = entries.some((entry) => entry.probe)
    const before = circuit.trouble
    const said = entries.map((_, i) => verdictIn(landing, i))
    // A crash or a shutdown says nothing about the gateway.
    const isAnswer = landing === undefined || Exit.isSuccess(landing)
    if (isAnswer) circuit.report(said, probe, now())
    else if (probe) circuit.abandonProbe()
    const verdicts = suspects.judge(notifications, said)
    watch.answered(verdicts, now())
    for (const [i, entry] of entries.entries()) answer(entry, verdicts[i] ?? UNKNOWN)
    refuseWaiting()
    meter.down(circuit.trouble !== undefined)
    const report = reportOf(gateway, landing, before, circuit.trouble, now())
    if (report) flights.run(report)
    if (verdicts !== said) flights.run(reportConvicted(gateway, verdicts))
  }

  const launch = () => {
    const batch = take()
    if (batch.entries.length === 0) return
    const started = now()
    if (busy === 0) watch.began(started)
    meter.underWay(++busy)
    meter.batch(batch.entries.length)
    flights.start(batch.notifications, (landing) => {
      meter.took((now() - started) / 1000)
      meter.underWay(--busy)
      land(batch, landing)
      launchAll()
    })
  }

  /** A gateway that answers at once calls back while it is being called. */
  const launchAll = () => {
    if (launching) return
    launching = true
    while (busy < gateway.slots && waiting.size > 0) launch()
    launching = false
  }

  const submit = (entry: Entry): void => {
    if (closed) return answer(entry, SHUTTING_DOWN)
    if (waiting.size + held.size >= waitingMax) return answer(entry, QUEUE_FULL)
    if (entry.badge) {
      const standing = lanes.standing(entry.badge)
      if (standing === "Superseded") return supersede(entry)
      if (standing === "Wait") return hold(entry, entry.badge)
    }
    const admission = circuit.admit(now())
    if (admission._tag === "Refuse") return answer(entry, admission.verdict)
    entry.probe = admission._tag === "Probe"
    entry.leave = () => waiting.delete(entry)
    waiting.add(entry)
    meter.waiting(waiting.size)
    launchAll()
  }

  const post: GatewayStage["post"] = (notification, until, answered) => {
    const badge = lanes.join(notification)
    const entry: Entry = {
      notification,
      badge,
      since: now(),
      until,
      retries: 0,
      probe: false,
      isOver: false,
      leave: NOTHING,
      answered
    }
    submit(entry)
    return () => {
      if (entry.isOver) return
      entry.isOver = true
      entry.leave()
      if (badge) lanes.leave(badge)
    }
  }

  const send: GatewayStage["send"] = (notification, until) =>
    Effect.async((resume) =>
      Effect.sync(post(notification, until, (verdict) => resume(Effect.succeed(verdict))))
    )

  // Runs before requests are interrupted, so that nobody is left waiting for them.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      refuseWaiting()
      for (const entry of [...resting]) {
        entry.leave()
        finish(entry, SHUTTING_DOWN)
      }
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
      waiting: waiting.size + held.size,
      oldestWaiting: oldest?.since,
      stalledSince: watch.stalledSince(busy > 0 || waiting.size > 0, now()),
      expires: gateway.expires ?? []
    }
  }

  return {
    send,
    post,
    accepts: () => !closed && waiting.size + held.size < waitingMax && circuit.accepts(now()),
    health
  }
})
