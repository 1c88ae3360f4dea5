import { Context, Effect, Layer } from "effect"
import { mayAct, Ownership } from "../layers/ownership/Ownership.ts"
import type { Push } from "../layers/push/Push.ts"
import type { Storage } from "../layers/storage/Storage.ts"
import { reportTrouble, settleTrouble } from "../layers/telemetry/Troubles.ts"
import type { UserNumber } from "../schemas/Ids.ts"
import { Settings } from "../schemas/Settings.ts"
import type { Dossiers } from "./Dossiers.ts"
import { nudgeJob } from "./jobs/NudgeJob.ts"
import { nowOf } from "./Now.ts"
import { NudgeQueue, type Waiting } from "./NudgeQueue.ts"
import { SilenceWatch } from "./SilenceWatch.ts"
import type { Asking } from "./SubscriptionProtocol.ts"
import { whereabouts } from "./Whereabouts.ts"

/**
 * The one way for silent pushes. Those for silence wait a short time, so that a fault that a whole host shares is seen
 * before the first phone is woken for it; then they are held and later released at a bounded rate (`ENS_RENEW_RATE`).
 */
export class NudgeGate extends Context.Tag("ens/NudgeGate")<
  NudgeGate,
  {
    /** `first`: it has just fallen silent. `since`: devices that were asked since then (ms since 1970) need not be. */
    readonly ask: (user: UserNumber, host: number, reason: Asking, first: boolean, since: number) => void
    /** The subscription is alive again: nothing has to be asked. `heard`: a callback said so, callbacks of its host reach us. */
    readonly revived: (user: UserNumber, host: number, heard: boolean) => void
    readonly joined: (host: number) => void
    readonly left: (host: number) => void
    readonly waiting: () => number
  }
>() {}

const SENDS_AT_ONCE = 8
const TICK = 200

export const layer: Layer.Layer<NudgeGate, never, Settings | Storage | Push | Dossiers | Ownership> =
  Layer.scoped(
    NudgeGate,
    Effect.gen(function* () {
      const { heartbeatCheckMinutes, renewRate } = yield* Settings
      const check = heartbeatCheckMinutes * 60_000
      const watch = new SilenceWatch(Math.min(120_000, check / 15), check)
      const ownership = yield* Ownership
      const clock = yield* Effect.clock
      const waiting = new NudgeQueue()
      const latch = yield* Effect.makeLatch(false)
      const alarms: Array<Effect.Effect<void>> = []

      const alarm = (text: string, level: "error" | "info") => {
        alarms.push(level === "error" ? silence(text) : heardAgain(text))
        latch.unsafeOpen()
      }

      /** At most one tick's share of the rate. */
      const share = Math.max(1, Math.round((renewRate * TICK) / 1000))
      const due = (now: number) =>
        mayAct(ownership) ? waiting.take(share, now, (host) => watch.isHeld(host, now)) : []

      // Whatever one user's devices do, the others' turn comes.
      const nudge = ({ reason, since, user }: Waiting) =>
        nudgeJob(user, reason, since).pipe(
          Effect.catchAllDefect((defect) =>
            Effect.logError("a silent push failed", { user, where: whereabouts(defect) })
          )
        )

      yield* Effect.gen(function* () {
        yield* latch.await
        yield* Effect.all(alarms.splice(0))
        yield* Effect.forEach(due(nowOf(clock)), nudge, {
          concurrency: SENDS_AT_ONCE,
          discard: true
        })
        if (waiting.size === 0 && alarms.length === 0) latch.unsafeClose()
        else yield* Effect.sleep(TICK)
      }).pipe(Effect.forever, Effect.forkScoped)

      return {
        ask: (user, host, reason, first, since) => {
          const now = nowOf(clock)
          // After a start it may be an old silence, which says nothing about now.
          const isNew = first && now - since < watch.window
          if (reason === "overdue" && isNew && watch.silent(host, now)) {
            alarm(
              "callbacks do not reach us: many subscriptions of one Exchange fell silent at once; silent pushes are held",
              "error"
            )
          }
          waiting.add({ user, host, reason, since, from: reason === "overdue" ? now + watch.window : now })
          latch.unsafeOpen()
        },
        revived: (user, host, heard) => {
          waiting.remove(user)
          if (heard && watch.heard(host, nowOf(clock))) alarm("callbacks reach us again", "info")
        },
        joined: (host) => watch.joined(host),
        left: (host) => watch.left(host),
        waiting: () => waiting.size
      }
    })
  )

/** Which Exchange it is nobody knows here. */
const EXCHANGE = "Exchange"

const silence = (what: string): Effect.Effect<void> =>
  Effect.zipRight(
    reportTrouble({ fault: "callbacks-missing", where: EXCHANGE, what, told: true }),
    Effect.annotateLogs(Effect.logError(what), "fault", "callbacks-missing")
  )

const heardAgain = (text: string): Effect.Effect<void> =>
  Effect.zipRight(settleTrouble("callbacks-missing", EXCHANGE), Effect.logInfo(text))
