import { expect, layer } from "@effect/vitest"
import { Context, Effect, Either, Layer } from "effect"
import { channelBindingOf } from "../../layers/net/ChannelBinding.ts"
import * as Ntlm from "../../layers/net/Ntlm.ts"
import { connectorClient } from "../support/ConnectorClient.ts"
import { USERS } from "./support/Apache.ts"
import { CBT_FILES, cbtPeer } from "./support/CbtPeer.ts"
import { type Pki, pki } from "./support/Pki.ts"
import { describePeer } from "./support/RealPeer.ts"

interface PeersShape {
  readonly pki: Pki
  readonly required: string
  readonly allowed: string
  readonly ec: string
}

class Peers extends Context.Tag("ens/test/BindingPeers")<Peers, PeersShape>() {}

const peers = Layer.scoped(
  Peers,
  Effect.gen(function* () {
    const keys = yield* pki
    const required = yield* cbtPeer(keys, "required")
    const allowed = yield* cbtPeer(keys, "allowed")
    return { pki: keys, required, allowed, ec: yield* cbtPeer(keys, "required", "srv-ec") }
  })
)

type Binding = "right" | "of another server" | "none"

/** Logs alice in; the last answer. */
const logIn = (kind: Exclude<keyof PeersShape, "pki">, binding: Binding) =>
  Effect.gen(function* () {
    const at = yield* Peers
    const client = yield* connectorClient(at[kind], { ca: at.pki.ca })
    const negotiate = Ntlm.negotiate()
    const first = yield* client.post("/", { authorization: `NTLM ${negotiate.toString("base64")}` })
    const token = String(first.headers["www-authenticate"]).replace("NTLM ", "")
    const certificate = binding === "right" ? client.certificate() : at.pki.certificate("client")
    const message = Ntlm.authenticate({
      challenge: Either.getOrThrow(Ntlm.parseChallenge(Buffer.from(token, "base64"))),
      negotiate,
      user: "alice",
      ...USERS.alice,
      channelBinding: binding === "none" ? undefined : channelBindingOf(certificate),
      random: Buffer.alloc(8, 1),
      now: Date.now()
    })
    const { body, status } = yield* client.post("/", { authorization: `NTLM ${message.toString("base64")}` })
    return { body, status }
  })

describePeer("channel binding", CBT_FILES, () => {
  layer(peers, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.scoped.each([
      ["required", "right", { status: 200, body: "CONTOSO\\alice bound=True" }],
      ["required", "of another server", { status: 401, body: "" }],
      ["required", "none", { status: 401, body: "" }],
      ["allowed", "right", { status: 200, body: "CONTOSO\\alice bound=True" }],
      ["allowed", "of another server", { status: 401, body: "" }],
      ["allowed", "none", { status: 200, body: "CONTOSO\\alice bound=False" }],
      ["ec", "right", { status: 200, body: "CONTOSO\\alice bound=True" }]
    ] as const)("a server (%s) answers a log-in whose binding is: %s", ([kind, binding, expected]) =>
      Effect.gen(function* () {
        expect(yield* logIn(kind, binding)).toEqual(expected)
      })
    )
  })
})
