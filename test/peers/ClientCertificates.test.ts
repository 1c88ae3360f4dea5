import { expect, layer } from "@effect/vitest"
import { Context, Effect, Either, Layer, Redacted } from "effect"
import { type ClientIdentity, openClientIdentity } from "../../layers/net/ClientIdentity.ts"
import type { ConnectRule } from "../../layers/net/ConnectAddress.ts"
import { connectReason } from "../../layers/net/ConnectError.ts"
import { connectorClient } from "../support/ConnectorClient.ts"
import { type ScriptedServer, say, scriptedServer } from "../support/ScriptedServer.ts"
import { APACHE_FILES, type Apache, apache } from "./support/Apache.ts"
import { P12_PASSWORD, type Pki, pki } from "./support/Pki.ts"
import { describePeer } from "./support/RealPeer.ts"

class Peers extends Context.Tag("ens/test/CertificatePeers")<
  Peers,
  { readonly pki: Pki; readonly server: Apache; readonly backend: ScriptedServer }
>() {}

const peers = Layer.scoped(
  Peers,
  Effect.gen(function* () {
    const keys = yield* pki
    const backend = yield* scriptedServer
    backend.script((response, { headers }) => say(200, String(headers["x-client-dn"]))(response, {} as never))
    return { pki: keys, server: yield* apache(keys, backend.origin), backend }
  })
)

const identityOf = (p12: string): ClientIdentity =>
  Either.getOrThrow(openClientIdentity(Redacted.make(p12), Redacted.make(P12_PASSWORD)))

const post = (origin: string, ca: string | undefined, rule: Partial<ConnectRule>) =>
  connectorClient(origin, ca === undefined ? {} : { ca }, rule).pipe(
    Effect.flatMap((client) => client.post("/open/"))
  )

describePeer("client certificates", APACHE_FILES, () => {
  layer(peers, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.scoped.each([
      ["client", "new"],
      ["client", "legacy"],
      ["client-ec", "new"],
      ["client-ec", "legacy"]
    ] as const)("logs in with %s in %s encryption", ([name, encryption]) =>
      Effect.gen(function* () {
        const { pki, server } = yield* Peers
        const identity = identityOf(pki.p12(name, encryption))
        const answer = yield* post(server.mutual, pki.ca, { identity })
        expect(answer).toMatchObject({ status: 200, body: "CN=alice,O=Contoso" })
      })
    )

    it.scoped("is turned away without one", () =>
      Effect.gen(function* () {
        const { pki, server } = yield* Peers
        // With TLS 1.3 it learns of it after the handshake, in place of an answer.
        expect(yield* Effect.flip(post(server.mutual, pki.ca, {}))).toMatchObject({ code: "UND_ERR_SOCKET" })
      })
    )

    it.scoped("shows none to a server that does not ask", () =>
      Effect.gen(function* () {
        const { pki, server } = yield* Peers
        const identity = identityOf(pki.p12("client", "new"))
        expect((yield* post(server.rsa, pki.ca, { identity })).status).toBe(200)
      })
    )

    it.scoped("trusts no authority because it stands in the client's file", () =>
      Effect.gen(function* () {
        const { pki, server } = yield* Peers
        const identity = identityOf(pki.p12("client", "new"))
        expect(identity.certificates.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
        const error = yield* Effect.flip(post(server.mutual, undefined, { identity }))
        expect(connectReason(error)).toMatch(/not trusted/)
      })
    )
  })
})
