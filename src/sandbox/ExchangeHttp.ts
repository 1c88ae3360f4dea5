import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Affinity } from "./ExchangeAffinity.ts"
import { type Answer, bare, send, soap, unauthorized } from "./ExchangeAnswer.ts"
import type { CallSettings } from "./ExchangeCall.ts"
import type { Directory } from "./ExchangeDirectory.ts"
import { faultAnswer } from "./ExchangeFaultAnswer.ts"
import type { Faults, Struck } from "./ExchangeFaults.ts"
import type { Entry, FrontDoor } from "./ExchangeFrontDoor.ts"
import type { Moves, SiteName } from "./ExchangeMoves.ts"
import { type EwsRequest, perform, readRequest } from "./ExchangeOperations.ts"
import type { PushSender } from "./ExchangePush.ts"
import { error, response } from "./ExchangeSoap.ts"
import type { ServerRelease } from "./ExchangeVersions.ts"
import { readBody } from "./Listener.ts"
import type { Recorder } from "./Recorder.ts"
import type { Timers } from "./Timers.ts"

/** One EWS request as it came (its body up to 64 KiB), and what it got. Authorization and cookies are left out. */
export interface ReceivedRequest {
  readonly at: Date
  /** The listener that it came to. */
  readonly site: SiteName
  /** "" if it had no body. */
  readonly operation: string
  /** Address of the user; "" if the log-in failed or there was none. */
  readonly user: string
  readonly scheme: string
  /** 0 = the connection was cut instead. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What the EWS endpoint works with. */
export interface EwsServer {
  readonly directory: Directory
  readonly door: FrontDoor
  readonly push: PushSender
  readonly faults: Faults
  readonly moves: Moves
  readonly affinity: Affinity
  readonly timers: Timers
  readonly release: ServerRelease
  readonly requests: Recorder<ReceivedRequest>
  /** How often each operation was asked for, failed log-ins included. */
  readonly operations: Map<string, number>
  readonly settings: CallSettings
  /** EWS URLs by listener. */
  readonly urls: ReadonlyMap<SiteName, string>
  readonly changed: () => void
}

/** Serves one request to `/EWS/Exchange.asmx`. */
export const serveEws = async (
  server: EwsServer,
  site: SiteName,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): Promise<void> => {
  const text = await readBody(incoming, MAX_BODY)
  if (text === undefined) return send(outgoing, bare(413))
  const request = readRequest(text)
  // Without a body it is the first leg of a log-in, and not yet an operation.
  const operation = text === "" ? "" : request.operation === "" ? "unreadable" : request.operation
  if (operation !== "") server.operations.set(operation, (server.operations.get(operation) ?? 0) + 1)
  const { entry, struck } = admit(server, site, operation, incoming)
  if (struck.delay > 0) await server.timers.sleep(struck.delay)
  const answer = await answerOf(server, site, request, entry, struck)
  const isCut = struck.fault?.kind === "cut"
  server.requests.add({
    at: new Date(),
    site,
    operation,
    user: entry.user?.address ?? "",
    scheme: (incoming.headers.authorization ?? "").split(" ")[0] ?? "",
    status: isCut ? 0 : answer.status,
    headers: shownHeaders(incoming),
    body: text.slice(0, MAX_RECORDED)
  })
  if (isCut) outgoing.destroy()
  send(outgoing, { ...answer, headers: { ...headersOf(server, incoming, entry), ...answer.headers } })
  server.changed()
}

/** Lets the request in, and takes the faults that are meant for it. */
const admit = (server: EwsServer, site: SiteName, operation: string, incoming: IncomingMessage) => {
  const common = { operation, lostCookie: server.affinity.isLost(incoming), isMain: site === "main" }
  let struck: Struck | undefined
  const entry = server.door.enter(incoming, (user) => {
    struck = server.faults.take({ ...common, user: user.address })
    return struck.fault?.kind === "unauthorized"
  })
  return { entry, struck: struck ?? server.faults.take({ ...common, user: undefined }) }
}

const answerOf = async (
  server: EwsServer,
  site: SiteName,
  request: EwsRequest,
  { user, challenges }: Entry,
  { fault }: Struck
): Promise<Answer> => {
  const scripted = fault === undefined ? undefined : faultAnswer(server, request.operation, fault)
  if (scripted !== undefined) return scripted
  if (user === undefined) return unauthorized(challenges)
  const detour = server.moves.detour(user, site)
  if (detour === "moving")
    return soap(response(request.operation, [error("ErrorMailboxMoveInProgress")]), server.release)
  if (detour !== undefined) return bare(detour.status, { Location: server.urls.get(detour.to) ?? "" })
  return soap(await perform(request, { ...server, user }), server.release)
}

const headersOf = (
  server: EwsServer,
  incoming: IncomingMessage,
  { user, challenges }: Entry
): Readonly<Record<string, string | ReadonlyArray<string>>> => {
  const cookie = user === undefined ? undefined : server.affinity.cookieFor(incoming)
  return {
    "request-id": randomUUID(),
    "X-FEServer": "SANDBOX",
    ...(challenges.length > 0 ? { "WWW-Authenticate": challenges } : {}),
    ...(cookie === undefined ? {} : { "Set-Cookie": cookie }),
    ...(incoming.headers["return-client-request-id"] === "true"
      ? { "client-request-id": String(incoming.headers["client-request-id"] ?? "") }
      : {})
  }
}

const shownHeaders = (incoming: IncomingMessage): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(incoming.headers)
      .filter(([name]) => name !== "authorization" && name !== "cookie")
      .map(([name, value]) => [name, String(value)])
  )

const MAX_BODY = 1024 * 1024
const MAX_RECORDED = 64 * 1024
