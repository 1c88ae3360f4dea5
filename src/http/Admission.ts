import type { IncomingMessage, ServerResponse } from "node:http"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { normalPath } from "./CallbackUrl.ts"
import { type Answer, envelopeOf, tooMany } from "./Envelope.ts"
import type { LimitName, LimitsShape } from "./Limits.ts"

/** What it takes to say who may ask on. */
export interface AdmissionTerms {
  readonly settings: Pick<SettingsShape, "basePaths" | "environmentType">
  readonly limits: Pick<LimitsShape, "sourceOf" | "keyOf" | "address" | "failed" | "refused">
  /** Whether memory has this API token. */
  readonly knows: (token: string) => boolean
  /** Milliseconds. */
  readonly now: () => number
}

/**
 * Answers 429 to requests of an address that asks too much, before a body is read or a fiber begins: true = answered. Not
 * for callbacks. An address whose requests are refused too often gets in only with an API token that memory has. `alive`,
 * `healthz` and `readyz` always get in: whoever watches ENS may share his address with others.
 */
export const makeAdmission = ({
  knows,
  limits,
  now,
  settings
}: AdmissionTerms): ((request: IncomingMessage, response: ServerResponse) => boolean) => {
  const health = new Set([
    "/healthz",
    "/readyz",
    ...settings.basePaths.map((base) => normalPath(`${base}/alive`))
  ])

  const refuse = (limit: LimitName, request: IncomingMessage, response: ServerResponse, answer: Answer) => {
    limits.refused(limit, request)
    const { body, headers, status } = envelopeOf(settings, answer)
    const text = Buffer.from(JSON.stringify(body))
    if (!isSmall(request)) response.shouldKeepAlive = false
    response.writeHead(status, {
      ...headers,
      "content-type": "application/json",
      "content-length": text.length
    })
    response.end(text)
    return true
  }

  return (request, response) => {
    if (health.has(normalPath(request.url ?? ""))) return false
    const key = limits.keyOf(limits.sourceOf(request))
    const at = now()
    const wait = limits.address.take(key, at)
    if (wait > 0) {
      return refuse("address", request, response, tooMany("too many requests from this address", wait))
    }
    const failedWait = limits.failed.wait(key, at)
    if (failedWait === 0 || knows(String(request.headers["ensapitoken"] ?? "").trim())) return false
    return refuse("failed", request, response, tooMany(MANY_FAILED, failedWait))
  }
}

const MANY_FAILED =
  "too many requests from this address were refused; check the path and the API token in the header ENSAPIToken"

/** A body that nobody reads has to be thrown away before the next request; a long one costs the connection. */
const isSmall = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) <= SMALL

/** Bytes; above any registration but those with a certificate. */
const SMALL = 16 * 1024
