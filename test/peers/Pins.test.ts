import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { connectReason } from "../../layers/net/ConnectError.ts"
import { fingerprintsOf } from "../../layers/net/Pins.ts"
import { connectorClient } from "../support/ConnectorClient.ts"
import { type ScriptedServer, say, scriptedServer } from "../support/ScriptedServer.ts"
import { APACHE_FILES, type Apache, apache } from "./support/Apache.ts"
import { type Pki, pki } from "./support/Pki.ts"
import { describePeer } from "./support/RealPeer.ts"

class Peers extends Context.Tag("ens/test/PinPeers")<
  Peers,
  { readonly pki: Pki; readonly server: Apache; readonly backend: ScriptedServer }
>() {}

const peers = Layer.scoped(
  Peers,
  Effect.gen(function* () {
    const keys = yield* pki
    const backend = yield* scriptedServer
    backend.script(say(200, "reached"))
    return { pki: keys, server: yield* apache(keys, backend.origin), backend }
  })
)

const NOBODY = "ab".repeat(32)

describePeer("pins", APACHE_FILES, () => {
  layer(peers, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.scoped.each([
      ["rsa", "certificate"],
      ["rsa", "key"],
      ["ec", "certificate"],
      ["ec", "key"]
    ] as const)("lets a server (%s) pass by the fingerprint of its %s", ([kind, what]) =>
      Effect.gen(function* () {
        const { pki, server } = yield* Peers
        const pin = fingerprintsOf(pki.certificate(`srv-${kind}`))[what]
        expect(pin).toBe(pki.fingerprint(`srv-${kind}`, what))
        const client = yield* connectorClient(server[kind], { ca: pki.ca }, { pins: [NOBODY, pin] })
        expect((yield* client.post("/open/")).body).toBe("reached")
      })
    )

    it.scoped.each(["rsa", "ec"] as const)("sends nothing to a server (%s) that is not pinned", (kind) =>
      Effect.gen(function* () {
        const { backend, pki, server } = yield* Peers
        const before = backend.requests.length
        const client = yield* connectorClient(server[kind], { ca: pki.ca }, { pins: [NOBODY] })
        const error = yield* Effect.flip(client.post("/open/"))
        expect(error).toMatchObject({ code: "ENS_PIN_MISMATCH" })
        expect(connectReason(error)).toContain(pki.fingerprint(`srv-${kind}`, "key"))
        expect(backend.requests.length).toBe(before)
      })
    )

    it.scoped("checks every connection, also where TLS offers to resume a session", () =>
      Effect.gen(function* () {
        const { pki, server } = yield* Peers
        const { key } = fingerprintsOf(pki.certificate("srv-rsa"))
        const client = yield* connectorClient(server.rsa, { ca: pki.ca }, { pins: [key] })
        for (const _ of [1, 2, 3]) {
          expect((yield* client.post("/open/", { connection: "close" })).body).toBe("reached")
          expect(fingerprintsOf(client.certificate()).key).toBe(key)
        }
      })
    )

    it.scoped("still wants a valid certificate", () =>
      Effect.gen(function* () {
        const { pki, server } = yield* Peers
        const { key } = fingerprintsOf(pki.certificate("srv-rsa"))
        const client = yield* connectorClient(server.rsa, {}, { pins: [key] })
        expect(connectReason(yield* Effect.flip(client.post("/open/")))).toMatch(/not trusted/)
      })
    )
  })
})
