import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { CallSettings } from "./ExchangeCall.ts"
import type { Directory } from "./ExchangeDirectory.ts"
import type { Fault, Faults } from "./ExchangeFaults.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import { type EwsRequest, perform, readRequest } from "./ExchangeOperations.ts"
import type { PushSender } from "./ExchangePush.ts"
import { document, error, type Reply, response as soapResponse, textOf } from "./ExchangeSoap.ts"
import { readBody } from "./Listener.ts"
import type { Recorder } from "./Recorder.ts"
import type { Timers } from "./Timers.ts"

/** One EWS request as it came (its body up to 64 KiB), and what it got. Authorization and cookies are left out. */
export interface ReceivedRequest {
  readonly at: Date
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
  readonly push: PushSender
  readonly faults: Faults
  readonly timers: Timers
  readonly requests: Recorder<ReceivedRequest>
  /** How often each operation was asked for, failed log-ins included. */
  readonly operations: Map<string, number>
  readonly offers: ReadonlyArray<string>
  readonly settings: CallSettings
  readonly changed: () => void
}

/** Serves one request to `/EWS/Exchange.asmx`. */
export const serveEws = async (
  server: EwsServer,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): Promise<void> => {
  const text = await readBody(incoming, MAX_BODY)
  if (text === undefined) return finish(outgoing, 413, "", "text/plain")
  const request = readRequest(text)
  const operation = request.operation === "" ? "unreadable" : request.operation
  server.operations.set(operation, (server.operations.get(operation) ?? 0) + 1)
  const login = server.directory.login(incoming.headers.authorization)
  const user = login === false ? undefined : login
  const { delay, fault } = server.faults.take(operation, user?.address ?? "")
  if (delay > 0) await server.timers.sleep(delay)
  if (user !== undefined && fault?.kind === "unauthorized") server.directory.refuse(user)

  const answer = await answerOf(server, request, user, fault)
  server.requests.add({
    at: new Date(),
    operation,
    user: user?.address ?? "",
    scheme: (incoming.headers.authorization ?? "").split(" ")[0] ?? "",
    status: fault?.kind === "cut" ? 0 : answer.status,
    headers: shownHeaders(incoming),
    body: text.slice(0, MAX_RECORDED)
  })
  if (answer.afterwards !== undefined && outgoing.closed) answer.afterwards()
  else if (answer.afterwards !== undefined) outgoing.once("close", answer.afterwards)
  if (fault?.kind === "cut") outgoing.destroy()
  else finish(outgoing, answer.status, answer.text, answer.type, headersOf(server, incoming, answer.status))
  server.changed()
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly type: string
  readonly afterwards?: () => void
}

const answerOf = async (
  server: EwsServer,
  request: EwsRequest,
  user: Mailbox | undefined,
  fault: Fault | undefined
): Promise<Answer> => {
  if (user === undefined || fault?.kind === "unauthorized")
    return { status: 401, text: "", type: "text/plain" }
  switch (fault?.kind) {
    case "status":
      return { status: fault.status, text: "", type: "text/html" }
    case "page":
      return {
        status: 200,
        text: "<!DOCTYPE html><html><body>Please log in.<br></body></html>",
        type: "text/html"
      }
    case "busy":
      return soap(busy(request.operation, fault))
    case "error":
      return soap(soapResponse(request.operation, [error(fault.responseCode)]))
    default:
      return soap(await perform(request, { ...server, user }))
  }
}

const soap = (reply: Reply): Answer => {
  const answer = { ...document(reply), type: "text/xml; charset=utf-8" }
  return reply._tag === "Response" && reply.afterwards !== undefined
    ? { ...answer, afterwards: reply.afterwards }
    : answer
}

const busy = (operation: string, fault: Extract<Fault, { readonly kind: "busy" }>): Reply => {
  const code = "ErrorServerBusy"
  const backOff = fault.backOffMilliseconds
  if (fault.form === "response")
    return soapResponse(operation, [
      error(code, backOff === undefined ? {} : { BackOffMilliseconds: String(backOff) })
    ])
  return { _tag: "Fault", code, text: textOf(code), ...(backOff === undefined ? {} : { backOff }) }
}

const headersOf = (
  server: EwsServer,
  incoming: IncomingMessage,
  status: number
): Readonly<Record<string, string | Array<string>>> => ({
  "request-id": randomUUID(),
  "X-FEServer": "SANDBOX",
  ...(status === 401 ? { "WWW-Authenticate": [...server.offers] } : {}),
  ...(incoming.headers["return-client-request-id"] === "true"
    ? { "client-request-id": String(incoming.headers["client-request-id"] ?? "") }
    : {})
})

const shownHeaders = (incoming: IncomingMessage): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(incoming.headers)
      .filter(([name]) => name !== "authorization" && name !== "cookie")
      .map(([name, value]) => [name, String(value)])
  )

const finish = (
  outgoing: ServerResponse,
  status: number,
  text: string,
  type: string,
  headers: Readonly<Record<string, string | Array<string>>> = {}
): void => {
  if (outgoing.destroyed) return
  outgoing.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(text), ...headers })
  outgoing.end(text)
}

const MAX_BODY = 1024 * 1024
const MAX_RECORDED = 64 * 1024
