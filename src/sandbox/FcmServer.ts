import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http"
import type { FcmLogIn } from "./FcmLogIn.ts"
import { type FcmMessage, fcmError, isDryRun, readMessage } from "./FcmMessage.ts"
import { type HttpAct, perform } from "./HttpAct.ts"
import { type Handler, readBody } from "./Listener.ts"

/** A request to send a message. */
export interface FcmSend {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** undefined: it has not the form of one. */
  readonly message: FcmMessage | undefined
  /** Nothing is to be sent. */
  readonly dryRun: boolean
}

export interface FcmServerOptions {
  readonly logIn: FcmLogIn
  /** Where it listens, known when it does. */
  readonly url: () => string
  /** Decides about a message; `problem` is what FCM says of the request if it is wrong in itself. */
  readonly serve: (request: FcmSend, problem: HttpAct | undefined) => HttpAct | Promise<HttpAct>
  /** Decides about a log-in; `honest` is how Google would answer. */
  readonly serveLogIn?: (honest: () => HttpAct) => HttpAct
}

/** Where a service account logs in at an FCM with this URL. */
export const tokenUrlOf = (url: string): string => `${url}/token`

/** FCM's HTTP v1 API for one message at a time, and the log-in of service accounts, which Google has elsewhere. */
export const serveFcm =
  (options: FcmServerOptions, otherwise: Handler): Handler =>
  (incoming, outgoing) => {
    const path = incoming.url ?? ""
    if (path === "/token") void serveLogIn(options, incoming, outgoing)
    else if (SEND.test(path)) void serveSend(options, incoming, outgoing)
    else otherwise(incoming, outgoing)
  }

const SEND = /^\/v1\/projects\/[^/]+\/messages:send$/

const serveLogIn = async (
  { logIn, serveLogIn = (honest) => honest(), url }: FcmServerOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): Promise<void> => {
  const form = (await readBody(incoming, BODY_MAX)) ?? ""
  perform(
    serveLogIn(() => logIn.answer(form, tokenUrlOf(url()))),
    JSON_TYPE,
    incoming,
    outgoing
  )
}

const serveSend = async (
  { logIn, serve }: FcmServerOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): Promise<void> => {
  const body = (await readBody(incoming, BODY_MAX)) ?? ""
  const message = readMessage(body)
  const { headers, url = "" } = incoming
  const problem = logIn.allows(headers.authorization)
    ? message === undefined
      ? fcmError(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
      : undefined
    : fcmError(401, "UNAUTHENTICATED")
  perform(
    await serve({ url, headers, message, dryRun: isDryRun(body) }, problem),
    JSON_TYPE,
    incoming,
    outgoing
  )
}

/** Bytes. */
const BODY_MAX = 1024 * 1024
const JSON_TYPE = "application/json; charset=UTF-8"
