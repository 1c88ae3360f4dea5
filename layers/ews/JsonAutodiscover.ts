import { Either, Option, Schema } from "effect"
import { type AutodiscoverProtocol, codeText } from "./AutodiscoverAnswer.ts"
import { ANSWER_LIMIT } from "./SoapAnswer.ts"

/**
 * Autodiscover v2 (FACTS section 9), anonymous: the address stands in the URL, and no credentials are sent. Known to
 * Exchange Online and to Exchange 2016 and later. Its answer proves nothing of whoever asks, which EWS will do.
 */
export const jsonAutodiscover: AutodiscoverProtocol = {
  name: "JSON",
  request: () => ({
    operation: "Autodiscover (JSON)",
    method: "GET",
    headers: { accept: "application/json" },
    body: ""
  }),
  read: (body) => {
    if (body.length > ANSWER_LIMIT) return Either.left("too large")
    const read = readBody(
      Buffer.from(body)
        .toString("utf8")
        .replace(/^\uFEFF/, "")
    )
    if (Option.isNone(read)) return Either.left("no Autodiscover answer")
    return Either.right(
      "Url" in read.value
        ? { _tag: "Found", urls: [read.value.Url], version: undefined }
        : { _tag: "Failed", code: codeText(read.value.ErrorCode) }
    )
  }
}

/** Where a host answers for this address. */
export const jsonUrl = (origin: string, address: string): string =>
  `${origin}/autodiscover/autodiscover.json/v1.0/${encodeURIComponent(address.toWellFormed())}?Protocol=EWS`

/** Whether a URL is one of this protocol. */
export const isJsonUrl = (url: URL): boolean =>
  /^\/autodiscover\/autodiscover\.json(?:\/|$)/i.test(url.pathname)

const readBody = Schema.decodeOption(
  Schema.parseJson(
    Schema.Union(
      Schema.Struct({ Url: Schema.NonEmptyTrimmedString }),
      Schema.Struct({ ErrorCode: Schema.NonEmptyString })
    )
  )
)
