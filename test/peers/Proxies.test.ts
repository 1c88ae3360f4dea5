import { expect, layer } from "@effect/vitest"
import { Context, Effect, Either, Layer, Redacted } from "effect"
import { channelBindingOf } from "../../layers/net/ChannelBinding.ts"
import { openClientIdentity } from "../../layers/net/ClientIdentity.ts"
import type { EgressProxy } from "../../layers/net/EgressProxy.ts"
import { makeHostList } from "../../layers/net/HostList.ts"
import * as Ntlm from "../../layers/net/Ntlm.ts"
import { fingerprintsOf } from "../../layers/net/Pins.ts"
import { connectorClient } from "../support/ConnectorClient.ts"
import { say, scriptedServer } from "../support/ScriptedServer.ts"
import { APACHE_FILES, type Apache, apache, USERS } from "./support/Apache.ts"
import { CBT_FILES, cbtPeer } from "./support/CbtPeer.ts"
import { P12_PASSWORD, type Pki, pki } from "./support/Pki.ts"
import { describePeer, freePorts } from "./support/RealPeer.ts"
import { PROXY_USER, SQUID_FILES, type Squid, squid } from "./support/Squid.ts"
import { TINYPROXY_FILES, TINYPROXY_USER, tinyproxy } from "./support/Tinyproxy.ts"

interface PeersShape {
  readonly pki: Pki
  readonly server: Apache
  /** Checks channel bindings. */
  readonly bound: string
  readonly squid: Squid
  readonly tiny: { readonly open: number; readonly basic: number }
  /** Nobody listens there; the proxies let it pass. */
  readonly deadPort: number
}

class Peers extends Context.Tag("ens/test/ProxyPeers")<Peers, PeersShape>() {}

const peers = Layer.scoped(
  Peers,
  Effect.gen(function* () {
    const keys = yield* pki
    const backend = yield* scriptedServer
    backend.script(say(200, "reached"))
    const server = yield* apache(keys, backend.origin)
    const bound = yield* cbtPeer(keys, "required")
    const [deadPort = 0] = yield* freePorts(1)
    const ports = [server.rsa, server.ec, server.mutual, bound].map((origin) => Number(new URL(origin).port))
    const allowed = [...ports, deadPort]
    return {
      pki: keys,
      server,
      bound,
      squid: yield* squid(allowed),
      tiny: { open: yield* tinyproxy(allowed, false), basic: yield* tinyproxy(allowed, true) },
      deadPort
    }
  })
)

type LogIn = { readonly user: string; readonly password: string }
const RIGHT: LogIn = PROXY_USER
const WRONG: LogIn = { user: PROXY_USER.user, password: "guess" }

const proxyAt = (port: number, logIn: LogIn | undefined): EgressProxy => ({
  host: "127.0.0.1",
  port,
  logIn: logIn && Redacted.make(logIn),
  bypass: makeHostList([])
})

/** What comes of a request to Apache through the proxy: the answer's text, or the connector's message. */
const through = (at: PeersShape, port: number, logIn: LogIn | undefined, origin = at.server.rsa) =>
  Effect.gen(function* () {
    const client = yield* connectorClient(origin, { ca: at.pki.ca, proxy: proxyAt(port, logIn) })
    return yield* client.post("/open/").pipe(
      Effect.map(({ body }) => body),
      Effect.catchAll((error) => Effect.succeed(error.message))
    )
  })

const FILES = [...APACHE_FILES, ...CBT_FILES, ...SQUID_FILES, ...TINYPROXY_FILES]

describePeer("egress proxies", FILES, () => {
  layer(peers, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    const REFUSED = "the proxy refused the log-in (407)"
    const MISSING = "the proxy wants a log-in (407), and the settings have none"
    it.scoped.each<[keyof Squid, string, LogIn | undefined, string]>([
      ["open", "no log-in", undefined, "reached"],
      ["open", "a log-in that it does not want", RIGHT, "reached"],
      ["basic", "the right log-in", RIGHT, "reached"],
      ["basic", "a wrong password", WRONG, REFUSED],
      ["basic", "no log-in", undefined, MISSING],
      ["ntlm", "the right log-in", RIGHT, "reached"],
      ["ntlm", "a user of a domain", { ...RIGHT, user: "CONTOSO\\puser" }, "reached"],
      ["ntlm", "a wrong password", WRONG, REFUSED],
      ["ntlm", "no log-in", undefined, MISSING],
      ["both", "the right log-in", RIGHT, "reached"],
      ["both", "a wrong password", WRONG, REFUSED]
    ])("squid (%s), asked with %s", ([kind, , logIn, expected]) =>
      Effect.gen(function* () {
        const at = yield* Peers
        expect(yield* through(at, at.squid[kind], logIn)).toBe(expected)
      })
    )

    it.scoped.each<["open" | "basic", string, LogIn | undefined, string]>([
      ["open", "no log-in", undefined, "reached"],
      ["basic", "the right log-in", TINYPROXY_USER, "reached"],
      ["basic", "a wrong password", WRONG, "the proxy refused the log-in (401)"],
      ["basic", "no log-in", undefined, MISSING]
    ])("tinyproxy (%s), asked with %s", ([kind, , logIn, expected]) =>
      Effect.gen(function* () {
        const at = yield* Peers
        expect(yield* through(at, at.tiny[kind], logIn)).toBe(expected)
      })
    )

    it.scoped("tells a host that a proxy forbids from one that it cannot reach", () =>
      Effect.gen(function* () {
        const at = yield* Peers
        const forbidden = "https://127.0.0.1:1"
        const dead = `https://127.0.0.1:${at.deadPort}`
        const outcomes = yield* Effect.forEach([at.squid.open, at.tiny.open], (port) =>
          Effect.forEach([forbidden, dead], (origin) => through(at, port, undefined, origin))
        )
        expect(outcomes).toEqual([
          ["the proxy does not allow this host (403)", "the proxy cannot reach the host (503)"],
          ["the proxy does not allow this host (403)", "the proxy cannot reach the host (500)"]
        ])
      })
    )

    it.scoped("shows the client certificate and checks the pin through an NTLM proxy", () =>
      Effect.gen(function* () {
        const at = yield* Peers
        const proxy = proxyAt(at.squid.ntlm, RIGHT)
        const identity = Either.getOrThrow(
          openClientIdentity(Redacted.make(at.pki.p12("client", "new")), Redacted.make(P12_PASSWORD))
        )
        const { key } = fingerprintsOf(at.pki.certificate("srv-rsa"))
        const post = (pins: ReadonlyArray<string>) =>
          connectorClient(at.server.mutual, { ca: at.pki.ca, proxy }, { identity, pins }).pipe(
            Effect.flatMap((client) => client.post("/open/"))
          )
        expect((yield* post([key])).status).toBe(200)
        expect(yield* Effect.flip(post(["00".repeat(32)]))).toMatchObject({ code: "ENS_PIN_MISMATCH" })
      })
    )

    it.scoped("carries a log-in by NTLM, bound to its channel, through an NTLM proxy", () =>
      Effect.gen(function* () {
        const at = yield* Peers
        const proxy = proxyAt(at.squid.ntlm, RIGHT)
        const client = yield* connectorClient(at.bound, { ca: at.pki.ca, proxy })
        const negotiate = Ntlm.negotiate()
        const first = yield* client.post("/", { authorization: `NTLM ${negotiate.toString("base64")}` })
        const offer = String(first.headers["www-authenticate"])
        const challenge = Either.getOrThrow(Ntlm.parseChallenge(Buffer.from(offer.slice(5), "base64")))
        const message = Ntlm.authenticate({
          challenge,
          negotiate,
          user: "alice",
          ...USERS.alice,
          channelBinding: channelBindingOf(client.certificate()),
          random: Buffer.alloc(8, 1),
          now: Date.now()
        })
        const second = yield* client.post("/", { authorization: `NTLM ${message.toString("base64")}` })
        expect(second).toMatchObject({ status: 200, body: "CONTOSO\\alice bound=True" })
        expect((yield* client.post("/")).status).toBe(200)
      })
    )
  })
})
