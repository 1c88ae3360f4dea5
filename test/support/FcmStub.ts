import { type KeyObject, verify } from "node:crypto"
import { once } from "node:events"
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http"
import * as Https from "node:https"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"

/** A message as it arrives. */
export interface FcmMessage {
  readonly token: string
  readonly data?: Readonly<Record<string, string>>
  readonly android?: Readonly<Record<string, unknown>>
  readonly apns?: { readonly headers: Readonly<Record<string, string>>; readonly payload: unknown }
}

/** What the stub does with a request: an answer, silence, or a connection cut off before or within the answer. */
export type FcmAct =
  | { readonly status?: number; readonly headers?: OutgoingHttpHeaders; readonly body?: unknown }
  | "silence"
  | "cut"
  | "cut within"

export interface FcmStub {
  readonly url: string
  /** Where a service account logs in. */
  readonly tokenUrl: string
  /** Every message, in order, whatever the answer was. */
  readonly requests: ReadonlyArray<{
    readonly url: string
    readonly headers: IncomingHttpHeaders
    readonly message: FcmMessage
  }>
  /** The messages that were accepted. */
  readonly delivered: ReadonlyArray<FcmMessage>
  /** How often an account logged in. */
  readonly logIns: () => number
  readonly connections: () => number
  /** Tokens given out so far are not accepted any more. */
  readonly revoke: () => void
  /** From now on another certificate. */
  readonly present: (certificate: Certificate) => void
  /** Answers so from now on. A body that is no string is sent as JSON. */
  act: (message: FcmMessage) => FcmAct
  /** The same for logging in; undefined = as an honest server does. */
  actOnLogIn: () => FcmAct | undefined
}

export interface Certificate {
  readonly key: string
  readonly cert: string
}

export interface FcmStubOptions {
  readonly port?: number
  readonly tls: Certificate
  /** The service account that may send: its name and public key. Without it everybody may, with any token. */
  readonly account?: { readonly email: string; readonly key: KeyObject }
  /** Seconds that an access token lasts. */
  readonly lasts?: number
}

export const delivered: FcmAct = { body: { name: "projects/p/messages/1" } }

/** FCM's form of an error; `code` is FCM's own detail of it. */
export const failure = (
  status: number,
  word: string,
  code?: string,
  more: { readonly headers?: OutgoingHttpHeaders; readonly details?: ReadonlyArray<unknown> } = {}
): FcmAct => ({
  status,
  headers: more.headers ?? {},
  body: {
    error: {
      code: status,
      status: word,
      message: "a message that may quote token-1",
      details: [
        ...(code
          ? [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode: code }]
          : []),
        ...(more.details ?? [])
      ]
    }
  }
})

/** An FCM on loopback, HTTPS, with the log-in of service accounts; checks what it gets and does as the test says. */
export const make = ({ account, lasts = 3_600, port = 0, tls }: FcmStubOptions) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const requests: Array<FcmStub["requests"][number]> = []
      const taken: Array<FcmMessage> = []
      let connections = 0
      let logIns = 0
      let valid = new Set<string>()

      const logIn = (text: string): FcmAct => {
        logIns++
        const act = stub.actOnLogIn()
        if (act) return act
        const fault = assertionFault(new URLSearchParams(text), stub.tokenUrl, account)
        if (fault) return { status: 400, body: { error: fault, error_description: "token-1" } }
        const access = `access-${logIns}`
        valid.add(access)
        return { body: { access_token: access, expires_in: lasts, token_type: "Bearer" } }
      }

      const send = (request: IncomingMessage, text: string): FcmAct => {
        const { message } = JSON.parse(text) as { message: FcmMessage }
        requests.push({ url: request.url ?? "", headers: request.headers, message })
        if (account && !valid.has((request.headers.authorization ?? "").replace(/^Bearer /, "")))
          return failure(401, "UNAUTHENTICATED")
        const act = faultOf(message) ?? stub.act(message)
        if (act === delivered) taken.push(message)
        return act
      }

      const server = Https.createServer({ key: tls.key, cert: tls.cert }, async (request, response) => {
        const chunks: Array<Buffer> = []
        for await (const chunk of request) chunks.push(chunk as Buffer)
        const text = Buffer.concat(chunks).toString("utf8")
        if (request.url === "/token") answer(logIn(text), request, response)
        else if (/^\/v1\/projects\/[^/]+\/messages:send$/.test(request.url ?? ""))
          answer(send(request, text), request, response)
        else answer({ status: 404, body: "<html>not found</html>" }, request, response)
      })
      server.on("connection", () => connections++)
      server.listen(port, "127.0.0.1")
      await once(server, "listening")
      const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
      const stub: FcmStub = {
        url,
        tokenUrl: `${url}/token`,
        requests,
        delivered: taken,
        logIns: () => logIns,
        connections: () => connections,
        revoke: () => {
          valid = new Set()
        },
        present: (certificate) => server.setSecureContext(certificate),
        act: () => delivered,
        actOnLogIn: () => undefined
      }
      return { stub, server }
    }),
    ({ server }) =>
      Effect.promise(async () => {
        server.closeAllConnections()
        server.close()
        if (server.listening) await once(server, "close")
      })
  ).pipe(Effect.map(({ stub }) => stub))

const answer = (act: FcmAct, request: IncomingMessage, response: ServerResponse) => {
  if (act === "silence") return
  if (act === "cut") return request.socket.destroy()
  if (act === "cut within") {
    response.writeHead(200, { "content-length": 1_000 })
    return response.write("{", () => request.socket.destroy())
  }
  const { body = "", headers = {}, status = 200 } = act
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8", ...headers })
  return response.end(typeof body === "string" ? body : JSON.stringify(body))
}

/** What FCM says of a message that is wrong in itself. */
const faultOf = ({ android, apns, data, token }: FcmMessage): FcmAct | undefined => {
  const strings = Object.values(data ?? {}).every((value) => typeof value === "string")
  const ttl = android?.ttl === undefined || /^\d+s$/.test(String(android.ttl))
  const size = Buffer.byteLength(JSON.stringify(apns?.payload ?? data ?? {}))
  return token !== "" && strings && ttl && size <= 4096
    ? undefined
    : failure(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
}

const assertionFault = (
  form: URLSearchParams,
  audience: string,
  account: FcmStubOptions["account"]
): string | undefined => {
  if (form.get("grant_type") !== "urn:ietf:params:oauth:grant-type:jwt-bearer")
    return "unsupported_grant_type"
  const [head = "", claims = "", signature = ""] = form.get("assertion")?.split(".") ?? []
  const read = (part: string) =>
    JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>
  const { aud, exp, iat, iss, scope } = read(claims)
  const now = Date.now() / 1000
  const right =
    read(head).alg === "RS256" &&
    aud === audience &&
    scope === "https://www.googleapis.com/auth/firebase.messaging" &&
    Number(iat) < now + 60 &&
    Number(exp) > now &&
    Number(exp) <= Number(iat) + 3_600
  if (!right) return "invalid_grant"
  if (account === undefined) return undefined
  const genuine = verify(
    "sha256",
    Buffer.from(`${head}.${claims}`),
    account.key,
    Buffer.from(signature, "base64url")
  )
  return iss === account.email && genuine ? undefined : "invalid_grant"
}
