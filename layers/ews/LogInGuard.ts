import { Cause, Exit } from "effect"
import { EwsBusy, type EwsError, type EwsUnauthorized } from "../../schemas/EwsError.ts"
import type { Trouble } from "../net/Outage.ts"
import { type CallWatch, type Outcome, type Watching, watched } from "./CallWatch.ts"
import type { CallSite } from "./EwsErrors.ts"
import { duration, info, type StoryLine, TOLD_AGAIN, warning } from "./HostStory.ts"
import type { HttpSessions } from "./HttpSessions.ts"
import { type LogInTry, LogInWatch } from "./LogInWatch.ts"
import * as TroubleMetrics from "./TroubleMetrics.ts"
import type { UrlParts } from "./UrlParts.ts"

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
export const withLogInGuard = (inner: HttpSessions["Type"]): HttpSessions["Type"] =>
  watched(inner, [makeLogInGuard()])

/** What `withLogInGuard` watches calls with. */
export const makeLogInGuard = (): CallWatch => {
  const hosts = new Map<string, Host>()
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
  const turn = (host: Host, now: number, learn: () => void): StoryLine | undefined => {
    const before = host.watch.trouble
    learn()
    const after = host.watch.trouble
    if ((before === undefined) === (after === undefined)) {
      return after && stillRefusing(host, after, now)
    }
    if (hosts.get(host.origin) === host) countRefusing(after ? 1 : -1)
    return before === undefined ? beginsToRefuse(host, now) : letsIn(host, before, now)
  }

  return {
    admit: ({ anonymous, caller: { budget, user }, operation, url }, startedAt): Watching | EwsBusy => {
      // Whoever sends no log-in is refused none.
      if (anonymous) return unchanged
      const host = hostAt(url)
      const { watch } = host
      const site: CallSite = { operation, host: host.name }
      const admission = watch.admit(user, budget.attended, startedAt)
      if (admission === "Refuse") {
        host.notMade += 1
        TroubleMetrics.refused("log-ins").unsafeUpdate(1, [])
        return busy(site)
      }
      const tried: LogInTry = { user, startedAt, probe: admission === "Probe" }
      const nothingLearnt = (outcome: Outcome): Outcome => {
        if (tried.probe) watch.endProbe()
        return outcome
      }
      return (outcome, now, tell) => {
        const learn = (how: () => void) => {
          const line = turn(host, now, how)
          if (line !== undefined) tell({ ...line, fault: "exchange-log-in-refused", where: host.name })
        }
        if (Exit.isSuccess(outcome)) {
          // Others come from what stands in front, too, and 500 from IIS before it knows who asks.
          if (outcome.value.status !== 200) return nothingLearnt(outcome)
          learn(() => watch.letIn(tried, now))
          return outcome
        }
        const refused = refusalIn(outcome)
        if (refused === undefined) return nothingLearnt(outcome)
        if (refused.spent === true) {
          nothingLearnt(outcome)
          return watch.trouble === undefined ? outcome : Exit.fail(busy(site))
        }
        learn(() => watch.refused(tried, now))
        if (watch.trouble === undefined) return outcome
        budget.giveBack()
        return Exit.fail(busy(site))
      }
    }
  }
}

const unchanged: Watching = (outcome) => outcome

const refusalIn = (outcome: Exit.Failure<unknown, EwsError>): EwsUnauthorized | undefined => {
  const failure = Cause.failureOption(outcome.cause)
  return failure._tag === "Some" && failure.value._tag === "EwsUnauthorized" ? failure.value : undefined
}

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

const busy = (site: CallSite) => new EwsBusy({ ...site, responseCode: REFUSES_MOST, retryAfter: WAIT })

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
