import { Clock, Context, Effect } from "effect"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import type { Candidate } from "./AutodiscoverCandidates.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import type { EndpointRules } from "./EndpointRules.ts"
import type { Caller, HttpSessions } from "./HttpSessions.ts"
import type { PlainRedirect } from "./PlainRedirect.ts"
import type { SrvRecords } from "./SrvRecords.ts"

/** One search for a mailbox: what it has to go by, and what it has come to. */
export interface SearchTask {
  readonly address: string
  /** The operator's own Autodiscover services. */
  readonly configured: ReadonlyArray<string>
  readonly caller: Caller
  readonly rules: EndpointRules
  /** Whether this host may be asked over plain HTTP for a redirect; not where everything has to go through a proxy. */
  readonly mayAskPlainly: (hostname: string) => boolean
  /** Milliseconds since 1970 at which the search must be over. */
  readonly until: number
  readonly sessions: HttpSessions["Type"]
  readonly plain: PlainRedirect["Type"]
  readonly srv: SrvRecords["Type"]
  readonly report: SearchReport
}

/** Filled as a search goes on, so that it is known after a timeout too. */
export interface SearchReport {
  /** An Autodiscover service answered, even if only with an error. */
  answered: boolean
  /** A service got the log-in, so what came of it may be about this user alone. */
  loggedIn: boolean
  /** Milliseconds that a busy service asks to wait (0 = unknown); undefined = none was busy. */
  busy: number | undefined
  /** Host and outcome of each candidate, fit for a log line. */
  readonly notes: Array<string>
}

/** Where a mailbox is. */
export interface FoundPlace {
  readonly endpoint: AllowedEndpoint
  readonly version: ExchangeVersion | undefined
  /** Which service said so, for the log. */
  readonly source: string
  /** False if Autodiscover led to an address of another domain: others of this one may be somewhere else. */
  readonly ofDomain: boolean
}

export const emptyReport = (): SearchReport => ({
  answered: false,
  loggedIn: false,
  busy: undefined,
  notes: []
})

/** Milliseconds for a request without credentials, which tells whether anything is there. */
export const PROBE_TIMEOUT = 3_000

/** Milliseconds for a request that is served. */
export const ANSWER_TIMEOUT = 8_000

export const isOver = (task: SearchTask): Effect.Effect<boolean> =>
  Effect.map(Clock.currentTimeMillis, (now) => now >= task.until)

/** Milliseconds for one step of the search. */
export const timeFor = (task: SearchTask, most: number): Effect.Effect<number> =>
  Effect.map(Clock.currentTimeMillis, (now) => Math.max(1, Math.min(most, task.until - now)))

/** Tells the log (debug) and the report how a candidate fared. */
export const note = (task: SearchTask, host: string, how: string, outcome: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    task.report.notes.push(`${host} (${how}) ${outcome}`)
    return witness(host, how, outcome)
  }).pipe(Effect.zipRight(Effect.logDebug(`Autodiscover: ${host} (${how}) ${outcome}`)))

/** Tells whoever watches the search alone. */
export const witness = (host: string, how: string, outcome: string): Effect.Effect<void> =>
  Effect.flatMap(SearchWitness, (saw) => saw({ host, how, outcome }))

/** One question of a search and what came of it; neither the address nor a log-in is in it. */
export interface SearchStep {
  readonly host: string
  /** SOAP, POX, JSON, DNS … */
  readonly how: string
  readonly outcome: string
}

/** Is told of every step of the searches that run with it, for `ens doctor`; nobody by default. */
export class SearchWitness extends Context.Reference<SearchWitness>()("ens/SearchWitness", {
  defaultValue:
    () =>
    (_step: SearchStep): Effect.Effect<void> =>
      Effect.void
}) {}

/** Never more of a URL than its host: the address may stand in it. */
export const hostOf = (candidate: Candidate): string => {
  if (candidate._tag === "Srv") return candidate.name
  return hostIn(candidate._tag === "Service" ? candidate.base : candidate.url)
}

export const hostIn = (url: string): string => URL.parse(url)?.host ?? ""
