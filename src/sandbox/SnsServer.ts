import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http"
import { type HttpAct, perform } from "./HttpAct.ts"
import { type Handler, readBody } from "./Listener.ts"
import { act, type SnsForm, type SnsPublished } from "./SnsActions.ts"
import type { SnsEndpoints } from "./SnsEndpoints.ts"
import { snsError } from "./SnsXml.ts"

/** A request as it arrives: the action, and its parameters by their names in the form. */
export interface SnsRequest {
  readonly action: string
  readonly form: SnsForm
  readonly headers: IncomingHttpHeaders
}

export interface SnsServerOptions {
  readonly endpoints: SnsEndpoints
  /**
   * Decides about a request. `honest` does what is asked, and answers as SNS does; SNS takes a notification before Apple
   * or Google has a say, so `published` is asked afterwards whether the token is still good.
   */
  readonly serve: (
    request: SnsRequest,
    honest: (published: (notification: SnsPublished) => boolean) => HttpAct
  ) => HttpAct | Promise<HttpAct>
}

/**
 * The mobile push of SNS, query protocol. Signatures have to be there and for SNS, but are not checked: any AWS
 * credentials will do.
 */
export const serveSns =
  (options: SnsServerOptions, otherwise: Handler): Handler =>
  (incoming, outgoing) => {
    if (incoming.url === "/" && incoming.method === "POST") void serve(options, incoming, outgoing)
    else otherwise(incoming, outgoing)
  }

const serve = async (
  { endpoints, serve }: SnsServerOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): Promise<void> => {
  const form = new Map(new URLSearchParams((await readBody(incoming, BODY_MAX)) ?? ""))
  const { headers } = incoming
  const action = form.get("Action") ?? ""
  const answer = await serve({ action, form, headers }, (published) =>
    isSigned(headers.authorization)
      ? act(endpoints, action, form, published)
      : snsError(403, "MissingAuthenticationToken", "no signature for SNS")
  )
  perform(answer, "text/xml", incoming, outgoing)
}

const isSigned = (authorization: string | undefined): boolean =>
  /^AWS4-HMAC-SHA256 Credential=\S+\/sns\/aws4_request, /.test(authorization ?? "")

/** Bytes; SNS takes 256 KiB. */
const BODY_MAX = 1024 * 1024
