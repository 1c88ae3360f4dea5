import { Cause, Effect } from "effect"
import { EwsBusy, type EwsError, type EwsUnauthorized } from "../../schemas/EwsError.ts"
import type { Trouble } from "../net/Outage.ts"
import type { CallSite } from "./EwsErrors.ts"
import { duration, info, type StoryLine, TOLD_AGAIN, warning } from "./HostStory.ts"
import { type Caller, type HttpSession, HttpSessions } from "./HttpSessions.ts"
import { type LogInTry, LogInWatch } from "./LogInWatch.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"
import * as TroubleMetrics from "./TroubleMetrics.ts"
import { partsOf, type UrlParts } from "./UrlParts.ts"

/** Hosts whose log-ins are watched at a time. */
export const HOSTS_MAX = 1_000

/** What a caller is told then, and after how many milliseconds it may try again. */
export const REFUSES_MOST = "refuses log-ins of most users"
export const WAIT = 60_000

/**
 * `HttpSessions` that takes it for the host's fault when it refuses the log-ins of most users, whoever they are: IIS does so
 * while its domain controller is away, and load balancers in trouble do (`LogInWatch` says when). From then on a 401 is
 * `EwsBusy` and costs no log-in, so that nobody's credentials are given up for it, and the host is asked by a probe only, so
 * that no account is locked. Those few whose refusal made it known stay refused.
 */
export const withLogInGuard = (inner: HttpSessions["Type"]): Effect.Effect<HttpSessions["Type"]> =>
  Effect.map(Effect.clock, (clock) => {
    const hosts = new Map<string, Host>()
    const monotonic = () => Math.floor(Number(clock.unsafeCurrentTimeNanos()) / 1_000_000)
    let refusing = 0

    const countRefusing = (change: 1 | -1) => {
      refusing += change
      TroubleMetrics.hostsRefusingLogIns.unsafeUpdate(refusing, [])
    }
    const hostAt = ({ host, origin }: UrlParts): Host => {
      const known = hosts.get(origin)
      if (known !== undefined) return known
      if (hosts.size >= HOSTS_MAX) forgetOne()
      const made: Host = { origin, name: host, watch: new LogInWatch(vary), notMade: 0, toldAt: undefined }
      hosts.set(origin, made)
      return made
    }
    const forgetOne = () => {
      const host = leastWorthKnowing(hosts.values())
      if (host === undefined) return
      if (host.watch.trouble !== undefined) countRefusing(-1)
      hosts.delete(host.origin)
    }

    /** Moves the host's state on by what `learn` says of a log-in, and says what is worth telling. */
    const turn = (host: Host, now: number, learn: (watch: LogInWatch) => void): StoryLine | undefined => {
      const before = host.watch.trouble
      learn(host.watch)
      const after = host.watch.trouble
      if ((before === undefined) === (after === undefined)) {
        return after && stillRefusing(host, after, now)
      }
      if (hosts.get(host.origin) === host) countRefusing(after ? 1 : -1)
      return before === undefined ? beginsToRefuse(host, now) : letsIn(host, before, now)
    }

    const guard = (
      { budget, user }: Caller,
      url: UrlParts,
      operation: string,
      ask: Effect.Effect<HttpAnswer, EwsError>
    ): Effect.Effect<HttpAnswer, EwsError> =>
      // Who may probe has to say what came of it, so that nothing may come between.
      Effect.uninterruptibleMask((interruptibly) => {
        const host = hostAt(url)
        const { watch } = host
        const startedAt = monotonic()
        const site: CallSite = { operation, host: host.name }
        const admission = watch.admit(user, budget.attended, startedAt)
        if (admission === "Refuse") {
          host.notMade += 1
          TroubleMetrics.refused("log-ins").unsafeUpdate(1, [])
          return busy(site)
        }
        const tried: LogInTry = { user, startedAt, probe: admission === "Probe" }
        const nothingLearnt = () => {
          if (tried.probe) watch.endProbe()
        }
        const refusal = (error: EwsUnauthorized): Effect.Effect<never, EwsError> => {
          if (error.spent === true) {
            nothingLearnt()
            return watch.trouble === undefined ? Effect.fail(error) : busy(site)
          }
          const now = monotonic()
          const line = turn(host, now, () => watch.refused(tried, now))
          if (watch.trouble === undefined) return Effect.fail(error)
          budget.giveBack()
          return Effect.zipRight(tell(line), busy(site))
        }
        return Effect.matchCauseEffect(interruptibly(ask), {
          onFailure: (cause) => {
            const failure = Cause.failureOption(cause)
            if (failure._tag === "Some" && failure.value._tag === "EwsUnauthorized") {
              return refusal(failure.value)
            }
            nothingLearnt()
            return Effect.failCause(cause)
          },
          onSuccess: (answer) => {
            // Others come from what stands in front, too, and 500 from IIS before it knows who asks.
            if (answer.status !== 200) {
              nothingLearnt()
              return Effect.succeed(answer)
            }
            const now = monotonic()
            const line = turn(host, now, () => watch.letIn(tried, now))
            return line === undefined ? Effect.succeed(answer) : Effect.as(tell(line), answer)
          }
        })
      })

    return HttpSessions.of({
      open: (caller): HttpSession => {
        const session = inner.open(caller)
        return {
          send: (endpoint, request, timeout) => {
            const url = partsOf(endpoint.url)
            const ask = session.send(endpoint, request, timeout)
            return url === undefined ? ask : guard(caller, url, request.operation, ask)
          },
          // Whoever sends no log-in is refused none.
          sendAnonymously: session.sendAnonymously,
          close: session.close
        }
      }
    })
  })

interface Host {
  readonly origin: string
  /** With the port. */
  readonly name: string
  readonly watch: LogInWatch
  /** Calls that were not made in this trouble. */
  notMade: number
  /** When its trouble was last told of; undefined: never. */
  toldAt: number | undefined
}

/** A host that lets users in, if there is any. */
const leastWorthKnowing = (hosts: Iterable<Host>): Host | undefined => {
  let first: Host | undefined
  for (const host of hosts) {
    if (host.watch.trouble === undefined) return host
    first ??= host
  }
  return first
}

/** A tenth more or less, so that several nodes do not probe at the same moment. */
const vary = (distance: number): number => distance * (0.9 + 0.2 * Math.random())

const busy = (site: CallSite) =>
  Effect.fail(new EwsBusy({ ...site, responseCode: REFUSES_MOST, retryAfter: WAIT }))

/** Told once an hour of a host that wavers. */
const beginsToRefuse = (host: Host, now: number): StoryLine | undefined => {
  host.notMade = 0
  if (host.toldAt !== undefined && now - host.toldAt < TOLD_AGAIN) return undefined
  host.toldAt = now
  return warning(
    `Exchange host ${host.name} refuses the log-ins of most users; is its directory reachable? Nobody's log-in is given up for it`
  )
}

const stillRefusing = (host: Host, { since }: Trouble, now: number): StoryLine | undefined => {
  if (host.toldAt !== undefined && now - host.toldAt < TOLD_AGAIN) return undefined
  host.toldAt = now
  return warning(
    `Exchange host ${host.name} still refuses the log-ins of most users after ${duration(now - since)}. ${host.notMade} calls were not made`
  )
}

const letsIn = (host: Host, { since }: Trouble, now: number): StoryLine | undefined =>
  host.toldAt === undefined || host.toldAt < since
    ? undefined
    : info(
        `Exchange host ${host.name} accepts log-ins again after ${duration(now - since)}; ${host.notMade} calls were not made`
      )

const tell = (line: StoryLine | undefined): Effect.Effect<void> => {
  if (line === undefined) return Effect.void
  return line.level === "warning" ? Effect.logWarning(line.text) : Effect.logInfo(line.text)
}
