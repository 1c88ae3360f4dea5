import { Cause, Context, Effect, Exit, Layer } from "effect"
import { tookSeconds } from "./CallMetrics.ts"
import type { CallWatch, Outcome, WatchedCall } from "./CallWatch.ts"
import { errorOfCode } from "./EwsErrors.ts"
import { LogHistogram } from "./LogHistogram.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"
import { refusalIn } from "./SoapRefusal.ts"

/** How calls to one host went in the last hour. Times: milliseconds since 1970. */
export interface HostFigure {
  /** With the port, if it is not the usual one. */
  readonly host: string
  /** False: nothing has been answered any more, several times in a row. */
  readonly up: boolean
  readonly calls: number
  /** By kind of error (`EwsUnauthorized` …). */
  readonly errors: Readonly<Record<string, number>>
  /** Of what was answered; undefined if nothing was. */
  readonly median: number | undefined
  readonly p95: number | undefined
  readonly lastError: string | undefined
  readonly lastErrorAt: number | undefined
}

export interface HostFiguresShape {
  /** To be told of all calls that are really made. */
  readonly watch: CallWatch
  /** Hosts with most calls first. */
  readonly current: Effect.Effect<ReadonlyArray<HostFigure>>
}

/** How each Exchange host does, for the console. A reference: without the layer nothing is counted. */
export class HostFigures extends Context.Reference<HostFigures>()("ens/HostFigures", {
  defaultValue: (): HostFiguresShape => silent
}) {}

/** Keeps the figures of the last 55 to 60 minutes, in steps of five, and the metric `ens_ews_call_seconds`. */
export const layer: Layer.Layer<never> = Layer.effect(
  HostFigures,
  Effect.map(Effect.clock, (clock): HostFiguresShape => {
    const book = new FigureBook(() => clock.unsafeCurrentTimeMillis())
    return {
      watch: book,
      current: Effect.sync(() => book.current(Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)))
    }
  })
)

/** More than these, and the one that was asked longest ago is forgotten. */
export const HOSTS_MAX = 200
/** So many calls in a row without an answer, and the host counts as down. */
export const SILENT_CALLS = 3
const SLOTS = 12
const SLOT = 300_000

/** The figures of all hosts. Plain state; `now` of its methods is one clock that never goes back, in milliseconds. */
export class FigureBook implements CallWatch {
  readonly #hosts = new Map<string, Host>()
  readonly #wallClock: () => number

  constructor(wallClock: () => number) {
    this.#wallClock = wallClock
  }

  readonly admit: CallWatch["admit"] = (call, startedAt) => (outcome, now) => {
    const result = resultOf(call, outcome, now - startedAt)
    if (result === undefined) return outcome
    tookSeconds(call.operation, result.error ?? "ok", (now - startedAt) / 1000)
    this.#note(call.url.host, result, now - startedAt, now)
    return outcome
  }

  current(now: number): ReadonlyArray<HostFigure> {
    const at = Math.floor(now / SLOT)
    return [...this.#hosts].map(([name, host]) => figureOf(name, host, at)).sort((a, b) => b.calls - a.calls)
  }

  #note(name: string, { answered, error, text }: Result, took: number, now: number): void {
    const host = this.#hosts.get(name) ?? makeHost()
    // Last in the map is who was asked last.
    this.#hosts.delete(name)
    this.#hosts.set(name, host)
    if (this.#hosts.size > HOSTS_MAX) this.#hosts.delete(this.#hosts.keys().next().value!)
    const slot = slotAt(host, Math.floor(now / SLOT))
    slot.calls += 1
    host.silent = answered ? 0 : host.silent + 1
    if (answered) slot.times.add(took)
    if (error === undefined) return
    slot.errors.set(error, (slot.errors.get(error) ?? 0) + 1)
    host.lastError = text
    host.lastErrorAt = this.#wallClock()
  }
}

interface Slot {
  at: number
  calls: number
  readonly errors: Map<string, number>
  readonly times: LogHistogram
}

interface Host {
  readonly slots: Array<Slot | undefined>
  silent: number
  lastError: string | undefined
  lastErrorAt: number | undefined
}

const makeHost = (): Host => ({
  slots: new Array(SLOTS),
  silent: 0,
  lastError: undefined,
  lastErrorAt: undefined
})

const slotAt = ({ slots }: Host, at: number): Slot => {
  const found = slots[at % SLOTS]
  if (found === undefined) {
    const made: Slot = { at, calls: 0, errors: new Map(), times: new LogHistogram() }
    slots[at % SLOTS] = made
    return made
  }
  if (found.at !== at) {
    found.at = at
    found.calls = 0
    found.errors.clear()
    found.times.clear()
  }
  return found
}

const figureOf = (name: string, host: Host, at: number): HostFigure => {
  const times = new LogHistogram()
  const errors: Record<string, number> = {}
  let calls = 0
  for (const slot of host.slots) {
    if (slot === undefined || slot.at <= at - SLOTS) continue
    calls += slot.calls
    times.addAll(slot.times)
    for (const [error, count] of slot.errors) errors[error] = (errors[error] ?? 0) + count
  }
  return {
    host: name,
    up: host.silent < SILENT_CALLS,
    calls,
    errors,
    median: times.quantile(0.5),
    p95: times.quantile(0.95),
    lastError: host.lastError,
    lastErrorAt: host.lastErrorAt
  }
}

/** What came of a call, as far as it says something of the host. */
interface Result {
  readonly answered: boolean
  readonly error: string | undefined
  readonly text: string | undefined
}

/** Undefined: it was given up on our side before the host had a chance. */
const resultOf = (call: WatchedCall, outcome: Outcome, took: number): Result | undefined => {
  if (Exit.isSuccess(outcome)) return ofAnswer(call, outcome.value)
  const failure = Cause.failureOption(outcome.cause)
  if (failure._tag === "None")
    return took < GIVEN_UP ? undefined : unanswered("EwsTimeout", "no answer in time")
  const error = failure.value
  if (error._tag === "EwsUnreachable" || error._tag === "EwsTimeout")
    return unanswered(error._tag, error.message)
  if (error._tag === "EwsUnauthorized" && error.spent === true) return undefined
  return { answered: true, error: error._tag, text: error.message }
}

/** Autodiscover asks in places where 401 and 404 are usual. */
const ofAnswer = (call: WatchedCall, answer: HttpAnswer): Result => {
  const { anonymous, operation, url } = call
  const { status } = answer
  if (anonymous || (status < 500 && operation.startsWith("Autodiscover"))) return WELL
  if (status < 300 || status === 500) {
    const code = refusalIn(answer)
    if (code !== undefined) {
      if (USUAL_CODES.has(code)) return WELL
      const error = errorOfCode({ operation, host: url.host }, status, code, 0)
      return { answered: true, error: error._tag, text: error.message }
    }
    if (status < 300) return WELL
  }
  const error = KINDS[status] ?? (status === 500 ? "EwsRefused" : "EwsUnusable")
  return { answered: true, error, text: `HTTP ${status} to ${operation}` }
}

/** A mail that is gone by now; a version that is asked for with an older one next. */
const USUAL_CODES: ReadonlySet<string> = new Set(["ErrorItemNotFound", "ErrorInvalidServerVersion"])

const unanswered = (error: string, text: string): Result => ({ answered: false, error, text })

const WELL: Result = { answered: true, error: undefined, text: undefined }
const KINDS: Readonly<Record<number, string>> = {
  401: "EwsUnauthorized",
  403: "EwsForbidden",
  408: "EwsBusy",
  429: "EwsBusy",
  502: "EwsBusy",
  503: "EwsBusy",
  504: "EwsBusy"
}
/** Milliseconds after which a call that nobody waits for any more counts as one without an answer. */
const GIVEN_UP = 4_000

const silent: HostFiguresShape = {
  watch: { admit: () => (outcome) => outcome },
  current: Effect.succeed([])
}
