import { type Answer, bare, page, soap } from "./ExchangeAnswer.ts"
import type { Failure, Faults } from "./ExchangeFaults.ts"
import type { SiteName } from "./ExchangeMoves.ts"
import { error, type Reply, response, textOf } from "./ExchangeSoap.ts"
import type { ServerRelease } from "./ExchangeVersions.ts"

/** Who plays the fault. */
export interface Player {
  readonly release: ServerRelease
  /** EWS URLs by listener. */
  readonly urls: ReadonlyMap<SiteName, string>
  readonly faults: Faults
}

/** What a request gets instead of what it asked for; undefined if the fault lets it do its work, or not even in. */
export const faultAnswer = (server: Player, operation: string, fault: Failure): Answer | undefined => {
  switch (fault.kind) {
    case "status":
      return bare(fault.status, fault.retryAfter === undefined ? {} : { "Retry-After": fault.retryAfter })
    case "page":
      return page
    case "redirect":
      return bare(fault.status ?? 302, { Location: fault.location ?? server.urls.get("other") ?? "" })
    case "busy":
      return soap(busy(server, operation, fault), server.release)
    case "error":
      return soap(response(operation, [error(fault.responseCode)]), server.release)
    case "affinity":
      return soap(soapFault("ErrorProxyRequestNotAllowed"), server.release)
    default:
      return undefined
  }
}

const busy = (
  { faults }: Player,
  operation: string,
  fault: Extract<Failure, { readonly kind: "busy" }>
): Reply => {
  const code = "ErrorServerBusy"
  const backOff = fault.backOffMilliseconds ?? faults.remaining(fault)
  if (fault.form !== "response") return soapFault(code, backOff)
  return response(operation, [
    error(code, backOff === undefined ? {} : { BackOffMilliseconds: String(backOff) })
  ])
}

const soapFault = (code: string, backOff?: number): Reply => ({
  _tag: "Fault",
  code,
  text: textOf(code),
  ...(backOff === undefined ? {} : { backOff })
})
