import { Cause, Effect, Exit, Layer } from "effect"
import { EwsBusy } from "../../schemas/EwsError.ts"
import type { FaultName } from "../../schemas/Fault.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import type { Trouble } from "../net/Outage.ts"
import { faultOfError } from "../telemetry/FaultOf.ts"
import { Spans } from "../telemetry/Spans.ts"
import { BackOffs } from "./BackOffs.ts"
import { type CallSign, signOfAnswer, signOfError, signOfInterruption } from "./CallSign.ts"
import { type CallWatch, type Outcome, type Watching, watched } from "./CallWatch.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import type { CallSite } from "./EwsErrors.ts"
import { makeFaultWatch } from "./FaultWatch.ts"
import { HostCircuit } from "./HostCircuit.ts"
import { HostFigures } from "./HostFigures.ts"
import { HostStory, type StoryLine } from "./HostStory.ts"
import { HttpSessions } from "./HttpSessions.ts"
import { makeLogInGuard } from "./LogInGuard.ts"
import { makeSpanWatch } from "./SpanWatch.ts"
import * as TroubleMetrics from "./TroubleMetrics.ts"

/** Bounds of what is remembered. */
export interface ThrottleOptions {
  /** Users who have to wait. */
  readonly users: number
  readonly hosts: number
}

export const defaultOptions: ThrottleOptions = { users: 10_000, hosts: 1_000 }

/**
 * `HttpSessions` that leaves alone who asks for it, for EWS and Autodiscover alike. What is refused fails at once with
 * `EwsBusy`, whose `retryAfter` says when to try again.
 *
 * - A user whom Exchange asked to wait is kept from that host until then, others go on: budgets are per account.
 * - A host at which nothing works for anybody is asked by one call at a time (`HostCircuit`); others fail meanwhile.
 *
 * What to think of an answer is decided here and not where SOAP is decoded, so that one place sees all that comes from a
 * host; it is only read when it holds what makes a difference.
 */
export const withTrouble = (
  inner: HttpSessions["Type"],
  options: Partial<ThrottleOptions> = {}
): Effect.Effect<HttpSessions["Type"]> =>
  Effect.map(makeTroubleWatch(options), (trouble) => watched(inner, [trouble]))

/** `withTrouble`, and `withLogInGuard` around it, for the `HttpSessions` that it is provided with. */
export const layer: Layer.Layer<HttpSessions, never, HttpSessions> = Layer.effect(
  HttpSessions,
  Effect.gen(function* () {
    // Last, so that it sees only calls that are really made.
    const { watch } = yield* HostFigures
    const faults = makeFaultWatch(yield* Effect.clock)
    const { record } = yield* Spans
    const spans = record === undefined ? [] : [makeSpanWatch(yield* Effect.clock, record)]
    const trouble = yield* makeTroubleWatch({})
    return watched(yield* HttpSessions, [makeLogInGuard(), trouble, watch, faults, ...spans])
  })
)

const makeTroubleWatch = (options: Partial<ThrottleOptions>): Effect.Effect<CallWatch> =>
  Effect.map(Effect.clock, (clock) => {
    const { hosts: hostsMax, users } = { ...defaultOptions, ...options }
    const backOffs = new BackOffs(users)
    const hosts = new Map<string, Host>()
    let down = 0

    const countDown = (change: 1 | -1) => {
      down += change
      TroubleMetrics.hostsDown.unsafeUpdate(down, [])
    }
    const hostAt = (endpoint: AllowedEndpoint, origin: string): Host => {
      const key = hostKey(endpoint, origin)
      const known = hosts.get(key)
      if (known !== undefined) return known
      if (hosts.size >= hostsMax) forgetOne()
      const made: Host = {
        key,
        circuit: new HostCircuit(vary),
        story: new HostStory(hostOf(origin)),
        fault: "exchange-unreachable"
      }
      hosts.set(key, made)
      return made
    }
    const forgetOne = () => {
      const host = leastWorthKnowing(hosts.values())
      if (host === undefined) return
      if (host.circuit.trouble !== undefined) countDown(-1)
      hosts.delete(host.key)
    }

    /** Takes to heart what a call says of its host and its user, and tells what is worth telling. */
    const learn = (call: Call, sign: CallSign, now: number, tell: Tell): void => {
      const { host, origin, probe, startedAt, user } = call
      const { circuit, story } = host
      const before = circuit.trouble
      if (sign.host === "answered") circuit.answered(probe, now)
      else if (sign.host !== undefined) circuit.failed({ ...sign.host, user, startedAt }, probe, now)
      else if (probe) circuit.endProbe()
      const { trouble } = circuit
      const changed = (before === undefined) !== (trouble === undefined)
      if (changed && hosts.get(host.key) === host) countDown(trouble ? 1 : -1)
      if (before ?? trouble) tellOf(turn(story, before, trouble, probe, now), host, tell)
      if (sign.backOff === undefined) return
      const { responseCode, wait } = sign.backOff
      backOffs.begin(user, origin, { responseCode, until: now + wait }, now)
      TroubleMetrics.throttled.unsafeUpdate(1, [])
      tellOf(story.throttled(responseCode, wait, now), { ...host, fault: "exchange-busy" }, tell)
    }

    return {
      admit: (
        { caller: { user }, endpoint, operation, url: { host: name, origin } },
        startedAt
      ): Watching | EwsBusy => {
        const site = { operation, host: name }
        const backOff = backOffs.find(user, origin, startedAt)
        if (backOff !== undefined) {
          return refusal("user", site, backOff.responseCode, backOff.until - startedAt)
        }
        const host = hostAt(endpoint, origin)
        const admission = host.circuit.admit(startedAt)
        if (admission === "Refuse") {
          host.story.refused()
          const reason = `down: ${host.circuit.trouble?.reason ?? ""}`
          return refusal("host", site, reason, host.circuit.remaining(startedAt))
        }
        const call: Call = { user, host, origin, startedAt, probe: admission === "Probe" }
        return (outcome, now, tell) => {
          host.fault = faultIn(outcome) ?? host.fault
          learn(call, signOf(site, outcome, now - startedAt, clock.unsafeCurrentTimeMillis()), now, tell)
          return outcome
        }
      }
    }
  })

interface Host {
  readonly key: string
  readonly circuit: HostCircuit
  readonly story: HostStory
  /** Why calls of late failed, or the last ones that did. */
  fault: FaultName
}

interface Call {
  readonly user: UserNumber
  readonly host: Host
  readonly origin: string
  readonly startedAt: number
  readonly probe: boolean
}

/** A host in good health, if there is any. */
const leastWorthKnowing = (hosts: Iterable<Host>): Host | undefined => {
  let first: Host | undefined
  for (const host of hosts) {
    if (host.circuit.trouble === undefined) return host
    first ??= host
  }
  return first
}

/** What one tenant's wrong pins or a missing entry in its list make impossible is no other's trouble. */
const hostKey = ({ listed, pins }: AllowedEndpoint, origin: string): string =>
  listed && pins.length === 0 ? origin : `${origin} ${listed} ${pins.join()}`

const hostOf = (origin: string): string => origin.slice(origin.indexOf("//") + 2)

/** A tenth more or less, so that several nodes do not probe at the same moment. */
const vary = (distance: number): number => distance * (0.9 + 0.2 * Math.random())

const refusal = (because: "host" | "user", site: CallSite, responseCode: string, retryAfter: number) => {
  TroubleMetrics.refused(because).unsafeUpdate(1, [])
  return new EwsBusy({ ...site, responseCode, retryAfter })
}

const signOf = (site: CallSite, exit: Outcome, milliseconds: number, now: number): CallSign => {
  if (Exit.isSuccess(exit)) return signOfAnswer(site, exit.value, now)
  const failure = Cause.failureOption(exit.cause)
  return failure._tag === "Some" ? signOfError(failure.value) : signOfInterruption(milliseconds)
}

const turn = (
  story: HostStory,
  before: Trouble | undefined,
  after: Trouble | undefined,
  probe: boolean,
  now: number
): StoryLine | undefined => {
  if (after === undefined) return before && story.up(before, now)
  if (before === undefined) return story.down(after)
  return probe ? story.stillDown(after, now) : undefined
}

type Tell = (line: StoryLine) => void

const tellOf = (
  line: StoryLine | undefined,
  { fault, key }: Pick<Host, "fault" | "key">,
  tell: Tell
): void => {
  if (line !== undefined) tell({ ...line, fault, where: hostOf(key.split(" ", 1)[0]!) })
}

/** What keeps answers from coming. */
const faultIn = (outcome: Outcome): FaultName | undefined => {
  if (Exit.isSuccess(outcome)) return undefined
  const failure = Cause.failureOption(outcome.cause)
  if (failure._tag === "None") return undefined
  const error = failure.value
  if (error._tag === "EwsTimeout") return "exchange-unreachable"
  return error._tag === "EwsUnreachable" ? faultOfError(error) : undefined
}
