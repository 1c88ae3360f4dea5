import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http"
import { Effect } from "effect"
import { notFound } from "../../src/sandbox/ControlListener.ts"
import { type FcmAccount, FcmLogIn } from "../../src/sandbox/FcmLogIn.ts"
import { type FcmMessage, fcmError } from "../../src/sandbox/FcmMessage.ts"
import { serveFcm, tokenUrlOf } from "../../src/sandbox/FcmServer.ts"
import type { HttpAct } from "../../src/sandbox/HttpAct.ts"
import { type Listener, listen, type TlsOptions } from "../../src/sandbox/Listener.ts"

export type { FcmMessage } from "../../src/sandbox/FcmMessage.ts"
export type { HttpAct as FcmAct } from "../../src/sandbox/HttpAct.ts"

export interface FcmStub extends Listener {
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
  /** Tokens given out so far are not accepted any more. */
  readonly revoke: () => void
  /** Answers so from now on. */
  act: (message: FcmMessage) => HttpAct
  /** The same for logging in; undefined = as an honest server does. */
  actOnLogIn: () => HttpAct | undefined
}

export interface FcmStubOptions {
  readonly port?: number
  readonly tls: TlsOptions
  /** The service account that may send. Without it everybody may, with any token. */
  readonly account?: FcmAccount
  /** Seconds that an access token lasts. */
  readonly lasts?: number
}

export const delivered: HttpAct = { body: { name: "projects/p/messages/1" } }

/** FCM's form of an error, with a message that nobody may repeat. */
export const failure = (
  status: number,
  word: string,
  code?: string,
  more: { readonly headers?: OutgoingHttpHeaders; readonly details?: ReadonlyArray<unknown> } = {}
): HttpAct => fcmError(status, word, code, { ...more, message: "a message that may quote token-1" })

/** The server of the FCM stand-in, which does as the test says with every message that is right in itself. */
export const make = Effect.fnUntraced(function* ({ account, lasts, port = 0, tls }: FcmStubOptions) {
  const requests: Array<FcmStub["requests"][number]> = []
  const taken: Array<FcmMessage> = []
  const logIn = new FcmLogIn({ account, lasts, tokenOf: (number) => `access-${number}` })
  let logIns = 0
  const handler = serveFcm(
    {
      logIn,
      url: () => stub.url,
      serve: ({ headers, message, url }, problem) => {
        if (message === undefined) return problem ?? delivered
        requests.push({ url, headers, message })
        const act = problem ?? stub.act(message)
        if (act === delivered) taken.push(message)
        return act
      },
      serveLogIn: (honest) => {
        logIns++
        return stub.actOnLogIn() ?? honest()
      }
    },
    notFound
  )
  const listener = yield* Effect.orDie(listen({ port, tls }, handler))
  const stub: FcmStub = {
    ...listener,
    tokenUrl: tokenUrlOf(listener.url),
    requests,
    delivered: taken,
    logIns: () => logIns,
    revoke: () => logIn.revoke(),
    act: () => delivered,
    actOnLogIn: () => undefined
  }
  return stub
})
