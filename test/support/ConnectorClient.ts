import type { X509Certificate } from "node:crypto"
import type { Socket } from "node:net"
import { Effect, type Scope } from "effect"
import { Client } from "undici"
import type { ConnectRule } from "../../layers/net/ConnectAddress.ts"
import { type ConnectorOptions, makeConnector } from "../../layers/net/Connector.ts"
import { peerCertificateOf } from "../../layers/net/PeerCertificate.ts"

/** An HTTP client over the connector, with the answers as plain values. */
export interface ConnectorClient {
  /** Status and body; fails with what undici fails with. */
  readonly post: (
    path: string,
    headers?: Readonly<Record<string, string>>
  ) => Effect.Effect<{ readonly status: number; readonly headers: Headers; readonly body: string }, Error>
  /** The socket of the last connection. */
  readonly socket: () => Socket | undefined
  /** The certificate that the server showed on it. */
  readonly certificate: () => X509Certificate
  readonly close: Effect.Effect<void>
}

type Headers = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/** Listed and secure unless said otherwise. */
export const connectorClient = (
  origin: string,
  options: Partial<ConnectorOptions> = {},
  rule: Partial<ConnectRule> = {}
): Effect.Effect<ConnectorClient, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const connect = makeConnector(
        { listed: true, secure: true, pins: [], ...rule },
        { connectTimeout: 5_000, ...options }
      )
      let current: Socket | undefined
      let certificate: X509Certificate | undefined
      const client = new Client(origin, {
        connect: (target, callback) =>
          connect(target, (...[error, socket]) => {
            if (error !== null) return callback(error, null)
            current = socket
            certificate = peerCertificateOf(socket)
            callback(null, socket)
          })
      })
      return {
        post: (path, headers = {}) =>
          Effect.tryPromise({
            try: async () => {
              const answer = await client.request({
                method: "POST",
                path,
                headers: { ...headers },
                body: "hello"
              })
              return { status: answer.statusCode, headers: answer.headers, body: await answer.body.text() }
            },
            catch: (error) => (error instanceof Error ? error : new Error(String(error)))
          }),
        socket: () => current,
        certificate: () => {
          if (certificate === undefined) throw new Error("no TLS connection")
          return certificate
        },
        close: Effect.promise(() => client.destroy())
      } satisfies ConnectorClient
    }),
    ({ close }) => close
  )
