import { Option, Schema } from "effect"
import { CNS_SIGNER_NOT_TRUSTED, CnsAnswer, type CnsResult } from "../../schemas/Cns.ts"
import { Verdict } from "../../schemas/Push.ts"
import { RETRY_AFTER_MAX, retryAfter } from "../net/RetryAfter.ts"
import { INSTALL } from "./CnsTrouble.ts"

/** What CNS answered, as far as HTTP goes. */
export interface CnsResponse {
  readonly status: number
  readonly retryAfter: string | undefined
  /** The header. */
  readonly date?: string | undefined
  readonly body: string
}

/** What it means for the notifications of the request. */
export type CnsReply =
  | { readonly _tag: "Verdicts"; readonly verdicts: ReadonlyArray<Verdict> }
  /** At least one of them is unacceptable, and CNS does not say which. */
  | { readonly _tag: "Refused"; readonly reason: string }

/**
 * Reads CNS's answer to a request with these ids, in this order:
 *
 * | answer | verdict |
 * |---|---|
 * | 401, 403, or code 2007 with 2xx | GatewayDown: certificate or signature, a matter for the operator |
 * | 404, 405, 407, 3xx | GatewayDown: wrong URL or a proxy in between |
 * | 408, 429, 503 with Retry-After | RetryLater for everyone |
 * | 5xx, anything in a form that is not CNS's | GatewayDown: a proxy speaks, and its opinion is no reason to give mails up |
 * | but: 413 of a proxy to more than one | Refused, so that smaller requests are tried |
 * | `results` | one each: `success` Delivered, `retry` or `retryAfter` RetryLater, else Rejected; one without a result RetryLater |
 * | 2xx with status `success` | Delivered, all |
 * | 4xx with CNS's body, another status, a code | Refused |
 *
 * What the server says in words is not passed on, because it may quote the request; one-word reasons are. `signed`: whether
 * the request was; what to do about a refusal depends on it.
 */
export const readReply = (
  ids: ReadonlyArray<string>,
  response: CnsResponse,
  now: number,
  signed = true
): CnsReply => {
  const all = (verdict: Verdict): CnsReply => ({ _tag: "Verdicts", verdicts: ids.map(() => verdict) })
  const { status } = response
  if (status === 200 && response.body === USUAL) return all(DELIVERED)
  const answer = decode(response.body)
  const code = Option.getOrUndefined(answer)?.code ?? undefined
  const ok = status >= 200 && status < 300
  if (status === 401 || status === 403 || (ok && Number(code) === CNS_SIGNER_NOT_TRUSTED))
    return all(
      Verdict.GatewayDown({
        reason: `does not trust this ENS (${said(status, code)}): ${signed ? INSTALL : IMPORT}`
      })
    )
  if (status === 408 || status === 429 || (status === 503 && response.retryAfter !== undefined))
    return all(Verdict.RetryLater({ after: retryAfter(response.retryAfter, now), everyone: true }))
  if (status >= 500) return all(Verdict.GatewayDown({ reason: `fails (${said(status, code)})` }))
  if (status < 200 || (status >= 300 && status < 400) || NOT_CNS.has(status))
    return all(
      Verdict.GatewayDown({ reason: `is not there (${said(status, code)}): check ENS_CNS_URL and proxies` })
    )
  if (Option.isNone(answer))
    return status === 413 && ids.length > 1
      ? { _tag: "Refused", reason: said(status, code) }
      : all(
          Verdict.GatewayDown({
            reason: `answers in a form that is not CNS's (${said(status, code)}): check ENS_CNS_URL and proxies`
          })
        )
  const { errorReason, results, status: word } = answer.value
  if (results && results.length > 0) return { _tag: "Verdicts", verdicts: each(ids, results) }
  return ok && word === "success"
    ? all(Verdict.Delivered())
    : { _tag: "Refused", reason: said(status, code, errorReason) }
}

/** The code or status in an answer, if it is one word; for the log. */
export const codeIn = (body: string): string =>
  Option.match(decode(body), {
    onNone: () => "",
    onSome: ({ code, status }) => oneWord(String(code ?? status ?? "")) ?? ""
  })

const DELIVERED = Verdict.Delivered()
/** CNS's answer when all is well [ENS2], of which nothing need be found out. */
const USUAL = '{"status":"success","errorReason":null}'

const decode = Schema.decodeUnknownOption(Schema.parseJson(CnsAnswer))

/** Client errors that are about the request's way, not its content. */
const NOT_CNS = new Set([404, 405, 407])

const IMPORT =
  "the requests are not signed; import the certificate from the UEM console: ens init --config-xml FILE --password-file FILE"

const each = (ids: ReadonlyArray<string>, results: ReadonlyArray<CnsResult>): ReadonlyArray<Verdict> => {
  const byId = Map.groupBy(results, (result) => result.id)
  return ids.map((id) => {
    const found = byId.get(id)
    // Two notifications of one request may share an id (two badges of one device); each takes its own result.
    const result = found && found.length > 1 ? found.shift() : found?.[0]
    return result ? verdictOf(result) : Verdict.RetryLater({ after: 0 })
  })
}

const verdictOf = ({ reason, retryAfter: seconds, status }: CnsResult): Verdict => {
  if (status === "success") return Verdict.Delivered()
  if (status !== "retry" && seconds == null) return Verdict.Rejected({ reason: oneWord(reason) ?? "refused" })
  return Verdict.RetryLater({ after: Math.min(Math.max((seconds ?? 0) * 1000, 0), RETRY_AFTER_MAX) })
}

const said = (status: number, code: number | string | undefined, reason?: string | null) =>
  [`HTTP ${status}`, ...(code === undefined ? [] : [`code ${oneWord(String(code)) ?? "?"}`]), oneWord(reason)]
    .filter((part) => part !== undefined)
    .join(", ")

const oneWord = (text: string | null | undefined) =>
  text && /^(?:\d{1,6}|[A-Za-z_]{1,48})$/.test(text) ? text : undefined
