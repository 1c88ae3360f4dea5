import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import * as CnsSetup from "../../layers/push/CnsSetup.ts"
import { type CnsSettings, Settings } from "../../schemas/Settings.ts"
import { signatureProblem } from "../../src/sandbox/CnsSignature.ts"
import * as CnsStub from "../support/CnsStub.ts"
import { settingsOf } from "../support/CryptoFixture.ts"
import { notification } from "../support/Notifications.ts"
import { defaultPushSettings } from "../support/PushSettings.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { P12_PASSWORD, type Pki, pki } from "./support/Pki.ts"
import { describePeer } from "./support/RealPeer.ts"
import { PROXY_USER, SQUID_FILES, type Squid, squid } from "./support/Squid.ts"

class Peers extends Context.Tag("ens/test/CnsPeers")<
  Peers,
  { readonly pki: Pki; readonly squid: Squid; readonly cns: CnsStub.CnsStub; readonly directory: string }
>() {}

/** A CNS that demands the certificate in TLS, and its signature; a squid that leads there. */
const peers = Layer.scoped(
  Peers,
  Effect.gen(function* () {
    const keys = yield* pki
    const cns = yield* CnsStub.make({ tls: { ...keys.pem("srv-rsa"), clientCa: keys.ca } })
    cns.act = () => {
      const { client, headers } = cns.requests.at(-1) ?? {}
      const certificate = keys.certificate("client")
      const problem = signatureProblem(headers?.authorization, "/nws/notify/apns", certificate)
      return client === "alice" && problem === undefined
        ? CnsStub.success
        : { status: 401, body: { code: 2007 } }
    }
    const directory = yield* temporaryDirectory
    writeFileSync(join(directory, "cns.p12"), Buffer.from(keys.p12("client", "legacy"), "base64"))
    return { pki: keys, cns, squid: yield* squid([Number(new URL(cns.url).port)]), directory }
  })
)

const proxyUrl = (port: number, user: string = PROXY_USER.user, password: string = PROXY_USER.password) =>
  Redacted.make(`http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}`)

/** What becomes of a notification, with the real server's certificate and authority in files. */
const sent = (more: Partial<CnsSettings>) =>
  Effect.gen(function* () {
    const at = yield* Peers
    const gateway = yield* Effect.flatMap(Settings, CnsSetup.make).pipe(
      Effect.provide(
        settingsOf({
          dataDir: at.directory,
          cns: {
            ...defaultPushSettings.cns,
            url: at.cns.url,
            caFile: join(at.pki.directory, "ca.crt"),
            certFile: join(at.directory, "cns.p12"),
            certPassword: Redacted.make(P12_PASSWORD),
            ...more
          }
        })
      ),
      Effect.provide(LocalMasterKey.layerTest)
    )
    const before = at.cns.requests.length
    const [verdict] = yield* gateway.send([notification(1)])
    return {
      verdict: verdict?._tag === "GatewayDown" ? verdict.reason : verdict?._tag,
      requests: at.cns.requests.length - before
    }
  })

describePeer("CNS behind real proxies", SQUID_FILES, () => {
  layer(peers, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.scoped.each<[keyof Squid, string | undefined]>([
      ["open", undefined],
      ["basic", undefined],
      ["ntlm", undefined],
      ["ntlm", "CONTOSO\\puser"],
      ["both", undefined]
    ])(
      "takes what comes through squid (%s), with our certificate, its pin and our signature",
      ([kind, user]) =>
        Effect.gen(function* () {
          const at = yield* Peers
          const pins = [at.pki.fingerprint("srv-rsa", "key")]
          const through = { proxyUrl: proxyUrl(at.squid[kind], user), pins }
          expect(yield* sent(through)).toEqual({ verdict: "Delivered", requests: 1 })
        })
    )

    it.scoped.each<["basic" | "ntlm"]>([["basic"], ["ntlm"]])(
      "gets nothing if squid (%s) refuses the log-in",
      ([kind]) =>
        Effect.gen(function* () {
          const at = yield* Peers
          const { requests, verdict } = yield* sent({
            proxyUrl: proxyUrl(at.squid[kind], undefined, "guess")
          })
          expect(requests).toBe(0)
          expect(verdict).toMatch(
            /cannot be reached: the proxy refused the log-in \(407\); check ENS_CNS_PROXY_URL$/
          )
        })
    )

    it.scoped("gets nothing through a proxy either, if its certificate is not the pinned one", () =>
      Effect.gen(function* () {
        const at = yield* Peers
        const pins = [at.pki.fingerprint("srv-ec", "key")]
        const { requests, verdict } = yield* sent({ proxyUrl: proxyUrl(at.squid.ntlm), pins })
        expect(requests).toBe(0)
        expect(verdict).toContain("is not one of the pinned ones")
      })
    )
  })
})
