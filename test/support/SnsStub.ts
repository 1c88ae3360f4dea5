import type { OutgoingHttpHeaders } from "node:http"
import { Effect } from "effect"
import { notFound } from "../../src/sandbox/ControlListener.ts"
import type { HttpAct } from "../../src/sandbox/HttpAct.ts"
import { type Listener, listen, type TlsOptions } from "../../src/sandbox/Listener.ts"
import type { SnsPublished } from "../../src/sandbox/SnsActions.ts"
import { type SnsEndpoint, SnsEndpoints } from "../../src/sandbox/SnsEndpoints.ts"
import { type SnsRequest, serveSns } from "../../src/sandbox/SnsServer.ts"
import { snsError } from "../../src/sandbox/SnsXml.ts"

export type { HttpAct as SnsAct } from "../../src/sandbox/HttpAct.ts"
export type { SnsPublished } from "../../src/sandbox/SnsActions.ts"
export type { SnsEndpoint } from "../../src/sandbox/SnsEndpoints.ts"
export type { SnsRequest } from "../../src/sandbox/SnsServer.ts"

export interface SnsStub extends Listener {
  /** Every request, in order, whatever the answer was. */
  readonly requests: ReadonlyArray<SnsRequest>
  /** What was taken for a phone, in order. */
  readonly published: ReadonlyArray<SnsPublished>
  /** By ARN; a test may change them, or remove some. */
  readonly endpoints: Map<string, SnsEndpoint>
  /** An endpoint that somebody made. */
  readonly add: (platformArn: string, token: string, userData?: string) => SnsEndpoint
  /** What Apple and Google say of a token, after SNS has taken a notification: false disables its endpoint. */
  works: (token: string) => boolean
  /** Does so from now on; undefined = as an honest SNS does. */
  act: (request: SnsRequest) => HttpAct | undefined
}

/** SNS's form of an error, with a message that nobody may repeat. */
export const failure = (
  status: number,
  code: string,
  message = "a message that may quote token-1",
  headers: OutgoingHttpHeaders = {}
): HttpAct => snsError(status, code, message, headers)

/** The server of the SNS stand-in, which does as the test says, or as SNS; https with `tls`. */
export const make = Effect.fnUntraced(function* (
  options: { readonly port?: number; readonly tls?: TlsOptions } = {}
) {
  const requests: Array<SnsRequest> = []
  const published: Array<SnsPublished> = []
  const endpoints = new SnsEndpoints()
  const handler = serveSns(
    {
      endpoints,
      serve: (request, honest) => {
        requests.push(request)
        const taken = (notification: SnsPublished) => {
          published.push(notification)
          return stub.works(notification.token)
        }
        return stub.act(request) ?? honest(taken)
      }
    },
    notFound
  )
  const listener = yield* Effect.orDie(listen(options, handler))
  const stub: SnsStub = {
    ...listener,
    url: `${listener.url}/`,
    requests,
    published,
    endpoints: endpoints.all,
    add: (...endpoint) => endpoints.add(...endpoint),
    works: () => true,
    act: () => undefined
  }
  return stub
})
