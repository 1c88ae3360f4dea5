import { Effect } from "effect"
import type { EwsUnauthorized } from "../../schemas/EwsError.ts"
import type { AutodiscoverProtocol } from "./AutodiscoverAnswer.ts"
import {
  type Candidate,
  type Channel,
  candidatesFor,
  domainOf,
  endpointOf,
  redirectCandidate,
  srvCandidate
} from "./AutodiscoverCandidates.ts"
import { ask, askAnonymously, type Question, type Reply } from "./AutodiscoverQuestion.ts"
import {
  ANSWER_TIMEOUT,
  type FoundPlace,
  hostIn,
  hostOf,
  isOver,
  note,
  PROBE_TIMEOUT,
  type SearchTask,
  timeFor,
  witness
} from "./AutodiscoverTask.ts"
import { readEndpoint } from "./EndpointRules.ts"
import type { HttpSession } from "./HttpSessions.ts"
import { jsonAutodiscover, jsonUrl } from "./JsonAutodiscover.ts"
import { poxAutodiscover } from "./PoxAutodiscover.ts"
import { soapAutodiscover } from "./SoapAutodiscover.ts"
import { bestRecord } from "./SrvRecords.ts"

/** What asking one candidate led to. */
export interface Visited {
  readonly found?: FoundPlace
  /** Candidates that come next. */
  readonly next: ReadonlyArray<Candidate>
  /** Candidates for when nothing else is left. */
  readonly last: ReadonlyArray<Candidate>
}

/** Asks one candidate. Each has a session of its own, so that no place at a host is held longer than it is needed. */
export const visit = (task: SearchTask, candidate: Candidate): Effect.Effect<Visited, EwsUnauthorized> => {
  const inSession = <E>(use: (session: HttpSession) => Effect.Effect<Visited, E>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => task.sessions.open(task.caller)),
      use,
      (session) => Effect.sync(session.close)
    )
  switch (candidate._tag) {
    case "PlainHttp":
      return visitPlainly(task, candidate)
    case "Srv":
      return visitDns(task, candidate)
    case "Service":
      return inSession((session) => visitService(task, candidate, session))
    case "Json":
      return inSession((session) => visitJson(task, candidate, session))
  }
}

type Of<Tag extends Candidate["_tag"]> = Extract<Candidate, { readonly _tag: Tag }>

const NOWHERE: Visited = { next: [], last: [] }

const visitPlainly = Effect.fnUntraced(function* (
  task: SearchTask,
  { address, url }: Of<"PlainHttp">
): Effect.fn.Return<Visited> {
  const { hostname } = new URL(url)
  const listed = task.rules.find(new URL(`https://${hostname}/`))?.listed ?? false
  // Although nothing authenticated goes there: where there are lists, nothing at all goes to others.
  const allowed = listed || task.rules.listsNothing
  if (!allowed || !task.mayAskPlainly(hostname)) return NOWHERE
  const location = yield* task.plain.locationOf(url, listed, yield* timeFor(task, PROBE_TIMEOUT))
  const target = location === undefined ? undefined : redirected(task, location, address, "open")
  const outcome = target === undefined ? "names no service that may be asked" : `names ${hostOf(target)}`
  yield* note(task, hostname, "plain HTTP", outcome)
  return target === undefined ? NOWHERE : { ...NOWHERE, next: [target] }
})

const visitDns = Effect.fnUntraced(function* (
  task: SearchTask,
  { address, name }: Of<"Srv">
): Effect.fn.Return<Visited> {
  const records = yield* task.srv.lookup(name, yield* timeFor(task, PROBE_TIMEOUT))
  const best = bestRecord(records, ({ host, port }) => {
    const base = srvCandidate(host, port, address)?.base
    return base !== undefined && endpointOf(task.rules, base, "open", address) !== undefined
  })
  const target = best && srvCandidate(best.host, best.port, address)
  const outcome = target === undefined ? "names no service that may be asked" : `names ${hostOf(target)}`
  yield* note(task, name, "DNS", outcome)
  return target === undefined ? NOWHERE : { ...NOWHERE, next: [target] }
})

/**
 * SOAP comes before POX, because it tells the version. A host that refuses the log-in, is busy or cannot be reached is not
 * asked by the other way too. Autodiscover v2 is left for last: it puts the address into the host's access log.
 */
const visitService = Effect.fnUntraced(function* (
  task: SearchTask,
  { address, base, channel }: Of<"Service">,
  session: HttpSession
): Effect.fn.Return<Visited, EwsUnauthorized> {
  let isThere = false
  for (const [protocol, extension] of SERVICE_PROTOCOLS) {
    const endpoint = endpointOf(task.rules, base + extension, channel, address)
    if (endpoint === undefined) {
      yield* note(
        task,
        hostIn(base),
        protocol.name,
        "may not be asked: not listed, or not public on port 443"
      )
      return NOWHERE
    }
    if (yield* isOver(task)) return NOWHERE
    const question: Question = { session, protocol, endpoint, address }
    const reply = yield* ask(task, question)
    const visited = yield* judge(task, question, reply)
    if (visited !== "go on") return visited
    isThere ||= reply._tag === "Nothing"
  }
  const url = jsonUrl(new URL(base).origin, address)
  return isThere ? { ...NOWHERE, last: [{ _tag: "Json", url, address, channel }] } : NOWHERE
})

const SERVICE_PROTOCOLS: ReadonlyArray<readonly [AutodiscoverProtocol, string]> = [
  [soapAutodiscover, ".svc"],
  [poxAutodiscover, ".xml"]
]

const visitJson = Effect.fnUntraced(function* (
  task: SearchTask,
  { address, channel, url }: Of<"Json">,
  session: HttpSession
): Effect.fn.Return<Visited> {
  const endpoint = endpointOf(task.rules, url, channel, address)
  if (endpoint === undefined) return NOWHERE
  const question: Question = { session, protocol: jsonAutodiscover, endpoint, address }
  const reply = yield* askAnonymously(task, question, ANSWER_TIMEOUT)
  const wanted = { _tag: "Nothing", reason: "asks for a log-in" } as const
  const visited = yield* judge(task, question, reply._tag === "AsksForLogIn" ? wanted : reply)
  return visited === "go on" ? NOWHERE : visited
})

/** The candidate that a redirect leads to; undefined if it leads to no service, or to one that may not be asked. */
const redirected = (task: SearchTask, url: string, address: string, channel: Channel) => {
  const target = redirectCandidate(url, address, channel)
  if (target === undefined) return undefined
  const at = target._tag === "Service" ? target.base : target.url
  return endpointOf(task.rules, at, channel, address) === undefined ? undefined : target
}

/** What follows from a reply; "go on": another protocol of the same service may know more. */
const judge = Effect.fnUntraced(function* (
  task: SearchTask,
  { address, endpoint, protocol }: Question,
  reply: Reply
): Effect.fn.Return<Visited | "go on"> {
  const { report, rules } = task
  const host = hostIn(endpoint.url)
  const tell = (outcome: string) => note(task, host, protocol.name, outcome)
  switch (reply._tag) {
    case "Found": {
      report.answered = true
      const usable = reply.urls.map((url) => rules.find(readEndpoint(url))).find((one) => one !== undefined)
      if (usable === undefined) {
        const named = reply.urls.map((url) => readEndpoint(url)?.host ?? "no URL").join(", ")
        yield* tell(named === "" ? "names no EWS URL" : `names EWS URLs that may not be used (${named})`)
        return "go on"
      }
      const ofDomain = domainOf(address) === domainOf(task.address)
      const source = `${protocol.name} at ${host}`
      yield* witness(host, protocol.name, `names the EWS URL ${usable.url}`)
      return { ...NOWHERE, found: { endpoint: usable, version: reply.version, source, ofDomain } }
    }
    case "RedirectUrl": {
      const target = redirected(task, reply.url, address, "secure")
      const where = URL.parse(reply.url)?.host ?? "no URL"
      yield* tell(
        `redirects to ${where}${target === undefined ? ", which is no service that may be asked" : ""}`
      )
      return target === undefined ? "go on" : { ...NOWHERE, next: [target] }
    }
    case "RedirectAddress": {
      const next = candidatesFor(reply.address, task.configured)
      yield* tell(next.length === 0 ? "redirects to no address" : "redirects to another address")
      return { ...NOWHERE, next }
    }
    case "Failed":
      report.answered = true
      yield* tell(`answers with error ${reply.code}`)
      return "go on"
    case "Nothing":
      yield* tell(reply.reason)
      return "go on"
    case "Busy":
      report.busy = Math.max(report.busy ?? 0, reply.retryAfter)
      yield* tell("is busy")
      return NOWHERE
    case "Absent":
      yield* tell(reply.reason)
      return NOWHERE
  }
})
