import type { IncomingMessage, ServerResponse } from "node:http"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { aliveText } from "./Alive.ts"
import { normalPath } from "./CallbackUrl.ts"
import { type Answer, envelopeOf, tooMany } from "./Envelope.ts"
import type { LimitName, LimitsShape } from "./Limits.ts"
import { TokenBuckets } from "./TokenBuckets.ts"

/** What it takes to say who may ask on. */
export interface AdmissionTerms {
  readonly settings: Pick<SettingsShape, "basePaths" | "environmentType">
  readonly limits: Pick<LimitsShape, "sourceOf" | "keyOf" | "address" | "addressKnown" | "failed" | "refused">
  /** Whether memory has this API token. */
  readonly knows: (token: string) => boolean
  /** Milliseconds. */
  readonly now: () => number
}

/**
 * Answers 429 to requests of an address that asks too much, before a body is read or a fiber begins: true = answered. Not
 * for callbacks. Phones may share their address with strangers, if only that of a proxy which the settings do not name. So
 * with an API token that memory has one gets in however much is refused there, and where the address has nothing left there
 * is as much again for such requests alone. Questions after ENS's health count apart, as whoever watches it may share his
 * address, too; many of them get a short answer.
 */
export const makeAdmission = ({
  knows,
  limits,
  now,
  settings
}: AdmissionTerms): ((request: IncomingMessage, response: ServerResponse) => boolean) => {
  const alive = { type: "application/xml", text: aliveText(settings) }
  /** What is always the same, and with undefined what has to be found out. */
  const health = new Map<string, { readonly type: string; readonly text: string } | undefined>([
    ["/healthz", { type: "text/plain", text: "ok\n" }],
    ["/readyz", undefined],
    ...settings.basePaths.map((base) => [normalPath(`${base}/alive`), alive] as const)
  ])
  const watchers = new TokenBuckets(WATCHERS)

  const refuse = (limit: LimitName, request: IncomingMessage, response: ServerResponse, answer: Answer) => {
    limits.refused(limit, request)
    const { body, headers, status } = envelopeOf(settings, answer)
    return write(
      request,
      response,
      status,
      { ...headers, "content-type": "application/json" },
      JSON.stringify(body)
    )
  }

  const isKnown = ({ headers }: IncomingMessage) => knows(String(headers["ensapitoken"] ?? "").trim())

  return (request, response) => {
    const path = normalPath(request.url ?? "")
    const key = limits.keyOf(limits.sourceOf(request))
    const at = now()
    if ((request.method === "GET" || request.method === "HEAD") && health.has(path)) {
      const wait = watchers.take(key, at)
      if (wait === 0) return false
      const known = health.get(path)
      return known === undefined
        ? refuse("address", request, response, tooMany(MANY, wait))
        : write(request, response, 200, { "content-type": known.type }, known.text)
    }
    const wait = limits.address.take(key, at)
    if (wait > 0) {
      const knownWait = isKnown(request) ? limits.addressKnown.take(key, at) : wait
      return knownWait > 0 && refuse("address", request, response, tooMany(MANY, knownWait))
    }
    const failedWait = limits.failed.wait(key, at)
    if (failedWait === 0 || isKnown(request)) return false
    return refuse("failed", request, response, tooMany(MANY_FAILED, failedWait))
  }
}

const write = (
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string
): true => {
  if (!isSmall(request)) response.shouldKeepAlive = false
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(text) })
  response.end(text)
  return true
}

/** Questions after ENS's health from one address: far more than load balancers and monitors ask. */
const WATCHERS = { count: 50, per: 1000, burst: 200 }
const MANY = "too many requests from this address"
const MANY_FAILED =
  "too many requests from this address were refused; check the path and the API token in the header ENSAPIToken"

/** A body that nobody reads has to be thrown away before the next request; a long one costs the connection. */
const isSmall = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) <= SMALL

/** Bytes; above any registration but those with a certificate. */
const SMALL = 16 * 1024
