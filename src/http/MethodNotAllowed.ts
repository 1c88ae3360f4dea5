import { escaped } from "../../layers/ews/XmlText.ts"

/** An answer that is not yet in the form of either listener. */
export interface PlainAnswer {
  readonly status: number
  readonly contentType: string
  readonly allow: string
  readonly body: string
}

/** ENS2's answer to a known path with a wrong method (contract section 2). */
export const methodNotAllowed = (method: string, allow: string): PlainAnswer => ({
  status: 405,
  contentType: "application/xml",
  allow,
  body: `<Error><Message>The requested resource does not support http method '${escaped(method)}'.</Message></Error>`
})
