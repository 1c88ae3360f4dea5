import type { IncomingMessage, ServerResponse } from "node:http"
import {
  type AutodiscoverFault,
  type AutodiscoverProtocol,
  type AutodiscoverTarget,
  meets
} from "./AutodiscoverFaults.ts"
import { type Finding, INVALID_REQUEST, UNKNOWN_ADDRESS } from "./AutodiscoverFinding.ts"
import { addressInJson, writeJson } from "./AutodiscoverJson.ts"
import { addressInPox, writePox } from "./AutodiscoverPox.ts"
import { addressInSoap, writeSoap } from "./AutodiscoverSoap.ts"
import { type Answer, bare, page, send, unauthorized } from "./ExchangeAnswer.ts"
import type { Entry } from "./ExchangeFrontDoor.ts"
import type { EwsServer } from "./ExchangeHttp.ts"
import type { SiteName } from "./ExchangeMoves.ts"
import { readBody } from "./Listener.ts"
import type { Script } from "./Script.ts"

/** What Autodiscover works with. */
export interface AutodiscoverServer
  extends Pick<
    EwsServer,
    "directory" | "door" | "moves" | "timers" | "release" | "urls" | "operations" | "changed"
  > {
  readonly script: Script<AutodiscoverFault>
}

/** The protocol that is spoken at a path; undefined if it is not one of Autodiscover. */
export const protocolAt = (path: string): AutodiscoverProtocol | undefined => {
  const [, ending] = /^\/autodiscover\/autodiscover\.(xml|svc|json)(?:\/|$)/i.exec(path) ?? []
  return ending === undefined ? undefined : PROTOCOLS[ending.toLowerCase()]
}

/** Serves one request to `/autodiscover/…`. Version 2 asks for no log-in. */
export const serveAutodiscover = async (
  server: AutodiscoverServer,
  site: SiteName,
  protocol: AutodiscoverProtocol,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): Promise<void> => {
  const body = await readBody(incoming, MAX_BODY)
  if (body === undefined) return send(outgoing, bare(413))
  const request = readRequest(protocol, new URL(incoming.url ?? "/", server.urls.get(site)), body)
  const operation = `Autodiscover ${protocol}`
  server.operations.set(operation, (server.operations.get(operation) ?? 0) + 1)
  const { entry, struck } = admit(server, request, incoming)
  if (struck.delay > 0) await server.timers.sleep(struck.delay)
  if (struck.fault?.kind === "cut") outgoing.destroy()
  else send(outgoing, answerOf(server, request, entry, struck.fault))
  server.changed()
}

interface AutodiscoverRequest {
  readonly protocol: AutodiscoverProtocol
  readonly url: URL
  readonly body: string
  /** undefined: it does not say, in the words of its protocol. */
  readonly address: string | undefined
}

const readRequest = (protocol: AutodiscoverProtocol, url: URL, body: string): AutodiscoverRequest => {
  const read = {
    pox: () => addressInPox(body),
    soap: () => addressInSoap(body),
    json: () => addressInJson(url)
  }
  return { protocol, url, body, address: read[protocol]() }
}

/** Lets the request in, and takes the faults that are meant for it. */
const admit = (server: AutodiscoverServer, request: AutodiscoverRequest, incoming: IncomingMessage) => {
  const { protocol, address = "" } = request
  const isOpen = protocol === "json"
  let struck: Struck | undefined
  const entry: Entry | "open" = isOpen
    ? "open"
    : server.door.enter(incoming, () => {
        struck = strike(server.script, { protocol, address, isIn: true })
        return struck.fault?.kind === "unauthorized"
      })
  const isIn = isOpen || incoming.method === "GET"
  return { entry, struck: struck ?? strike(server.script, { protocol, address, isIn }) }
}

interface Struck {
  /** Milliseconds. */
  readonly delay: number
  readonly fault: Failure | undefined
}
type Slow = Extract<AutodiscoverFault, { readonly kind: "slow" }>
type Failure = Exclude<AutodiscoverFault, Slow>

const strike = (script: Script<AutodiscoverFault>, target: AutodiscoverTarget): Struck => {
  const isSlow = (fault: AutodiscoverFault): fault is Slow => fault.kind === "slow" && meets(fault, target)
  const isFailure = (fault: AutodiscoverFault): fault is Failure =>
    fault.kind !== "slow" && meets(fault, target)
  return { delay: script.take(isSlow)?.milliseconds ?? 0, fault: script.take(isFailure) }
}

const answerOf = (
  server: AutodiscoverServer,
  request: AutodiscoverRequest,
  entry: Entry | "open",
  fault: Failure | undefined
): Answer => {
  if (fault?.kind === "status") return bare(fault.status)
  if (fault?.kind === "redirect") return bare(fault.status ?? 302, { Location: fault.location })
  if (fault?.kind === "page") return page
  if (fault?.kind === "unauthorized" || (entry !== "open" && entry.user === undefined))
    return unauthorized(entry === "open" ? [] : entry.challenges)
  const finding = find(server, request, fault)
  switch (request.protocol) {
    case "pox":
      return writePox(finding)
    case "soap":
      return writeSoap(finding, request.body, server.release)
    case "json":
      return writeJson(finding, request.url)
  }
}

const find = (
  server: AutodiscoverServer,
  { address, url }: AutodiscoverRequest,
  fault: Failure | undefined
): Finding => {
  if (fault?.kind === "redirectAddr") return { _tag: "RedirectAddress", address: fault.address }
  if (fault?.kind === "redirectUrl") return { _tag: "RedirectUrl", url: fault.url }
  if (fault?.kind === "error") return { _tag: "Error", code: fault.code }
  if (fault?.kind === "busy") return { _tag: "Busy" }
  if (address === undefined) return { _tag: "Error", code: INVALID_REQUEST }
  const mailbox = server.directory.find(address)
  if (mailbox === undefined) return { _tag: "Error", code: UNKNOWN_ADDRESS }
  const own = server.urls.get(server.moves.homeOf(mailbox))
  const scripted = fault?.kind === "settings" ? fault.ewsUrl : own
  return {
    _tag: "Settings",
    mailbox,
    ewsUrl: scripted === "" ? undefined : scripted,
    origin: url.origin,
    release: server.release
  }
}

const PROTOCOLS: Readonly<Record<string, AutodiscoverProtocol>> = { xml: "pox", svc: "soap", json: "json" }
const MAX_BODY = 256 * 1024
