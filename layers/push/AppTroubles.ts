import { Effect } from "effect"
import { Verdict } from "../../schemas/Push.ts"
import { reportTrouble } from "../telemetry/Troubles.ts"
import { gatewayFault } from "./GatewayFault.ts"

/** Milliseconds for which an app whose notification was taken counts as one that works. */
export const SEEN_WORKING = 2 * 60_000

/** Milliseconds after which a notification of an app in trouble is tried again. */
export const APP_PAUSE = 60_000

/**
 * Tells trouble of one app from trouble of its gateway: while another app's notifications are taken, stopping the gateway
 * would hold those up as well. Devices name their app and its environment, so without the difference a single one could
 * stop everybody. Plain state but for the log; times are milliseconds.
 */
export class AppTroubles {
  #last: Working | undefined
  /** The one before of another app. */
  #before: Working | undefined
  readonly #told = new Map<string, string>()

  /** A notification of the app was taken. */
  accepted(app: string, now: number): void {
    if (this.#last?.app === app) this.#last.at = now
    else {
      this.#before = this.#last
      this.#last = { app, at: now }
    }
    if (this.#told.size > 0) this.#told.delete(app)
  }

  /** `down` if nothing else works either; else the notification waits, and the log says why, once for each reason. */
  verdict(app: string, down: DownVerdict, now: number): Effect.Effect<Verdict> {
    if (!this.#anotherWorks(app, now)) return Effect.succeed(down)
    const isNews = this.#told.get(app) !== down.reason
    this.#told.delete(app)
    this.#told.set(app, down.reason)
    for (const oldest of this.#told.keys()) {
      if (this.#told.size <= TOLD_MAX) break
      this.#told.delete(oldest)
    }
    const text = `${down.reason}; others are not held up by it`
    const waits = Verdict.RetryLater({ after: APP_PAUSE })
    const fault = gatewayFault(down.reason)
    const report = reportTrouble({ fault, where: app, what: down.reason, told: true })
    const line = Effect.annotateLogs(Effect.logWarning(text, { app }), "fault", fault)
    return Effect.as(isNews ? Effect.zipRight(report, line) : report, waits)
  }

  #anotherWorks(app: string, now: number): boolean {
    const another = this.#last?.app === app ? this.#before : this.#last
    return another !== undefined && now - another.at < SEEN_WORKING
  }
}

type DownVerdict = Extract<Verdict, { readonly _tag: "GatewayDown" }>

interface Working {
  readonly app: string
  at: number
}

const TOLD_MAX = 1_000
