import { X509Certificate } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { fingerprintsOf } from "../../../layers/net/Pins.ts"
import type { CnsConnection } from "../../../layers/push/CnsConnection.ts"
import * as CnsGateway from "../../../layers/push/CnsGateway.ts"
import * as CnsSigner from "../../../layers/push/CnsSigner.ts"
import { Verdict } from "../../../schemas/Push.ts"
import { signatureProblem } from "../../../src/sandbox/CnsSignature.ts"
import { cnsCertificate } from "../../support/CnsClient.ts"
import * as CnsStub from "../../support/CnsStub.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { notification } from "../../support/Notifications.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"
import { gatewaySuite, type Rig, type Trouble } from "./GatewaySuite.ts"

const PATH = "/nws/notify/apns"
const server = TestCertificate.make("127.0.0.1")
const ours = cnsCertificate()
const { certificate, key } = fingerprintsOf(new X509Certificate(server.cert))

/** A CNS that takes only what comes over TLS from the certificate that it knows, and is signed by that. */
const demanding = Effect.map(
  CnsStub.make({ tls: { ...server, clientCa: ours.cert } }),
  (stub): CnsStub.CnsStub => {
    stub.act = () => {
      const { client, headers } = stub.requests.at(-1) ?? {}
      const problem = signatureProblem(headers?.authorization, PATH, ours.certificate.certificate)
      return client === "AW Cloud Notification - test" && problem === undefined
        ? CnsStub.success
        : { status: 401, body: { code: 2007, message: `${problem}` } }
    }
    return stub
  }
)

const gatewayTo = (url: string, connection: CnsConnection = {}, by = ours, timeout = 10_000) =>
  CnsGateway.make({
    url,
    signer: CnsSigner.make(by.certificate, { separator: "'1", digest: "sha256" }),
    connection: { ca: server.cert, identity: by.certificate.identity, ...connection },
    timeout
  })

const ACTS: { readonly [T in Trouble]?: CnsStub.CnsStub["act"] } = {
  throttled: () => ({ status: 429, headers: { "retry-after": "7" } }),
  "server error": () => ({ status: 500 }),
  silent: () => "silence",
  "connection cut": () => "cut",
  unauthorized: () => ({ status: 401, body: { code: 2007, message: "no" } })
}

const acting = Effect.fnUntraced(function* (trouble: Trouble | undefined) {
  const stub = yield* demanding
  const { act } = stub
  stub.act = (trouble && ACTS[trouble]) ?? act
  return {
    gateway: yield* gatewayTo(stub.url, { pins: [key] }, ours, trouble === "silent" ? 400 : undefined),
    arrived: Effect.sync(() =>
      stub.delivered.map(({ deviceToken, deviceType, payload }) => ({ deviceToken, deviceType, payload }))
    ),
    heal: Effect.sync(() => {
      stub.act = act
    })
  } satisfies Rig
})

gatewaySuite("cns with a certificate and pins", Object.keys(ACTS) as Array<Trouble>, acting)

/** What comes of one notification, and what of it is logged above debug. */
const outcome = Effect.fnUntraced(function* (url: string, connection: CnsConnection, by = ours) {
  const lines: Array<LogRecorder.LogLine> = []
  const gateway = yield* gatewayTo(url, connection, by)
  const [verdict] = yield* gateway.send([notification(1)]).pipe(Effect.provide(LogRecorder.layer(lines)))
  const warnings = lines.filter(({ level }) => level === "WARN").map(({ text }) => text)
  return { reason: verdict?._tag === "GatewayDown" ? verdict.reason : verdict?._tag, warnings }
})

const NO_TRUST =
  "The underlying connection was closed: Could not establish trust relationship for the SSL/TLS secure channel."

describe("trust between CNS and this ENS", () => {
  it.scopedLive.each([
    ["key", key],
    ["certificate", certificate]
  ] as const)("is there with a pin of CNS's %s among others", ([, pin]) =>
    Effect.gen(function* () {
      const stub = yield* demanding
      const gateway = yield* gatewayTo(stub.url, { pins: ["00".repeat(32), pin] })
      expect(yield* gateway.send([notification(1)])).toEqual([Verdict.Delivered()])
    })
  )

  it.scopedLive("is not there with other pins, and then nothing is sent", () =>
    Effect.gen(function* () {
      const stub = yield* demanding
      const { reason, warnings } = yield* outcome(stub.url, { pins: ["00".repeat(32)] })
      expect(reason).toContain(
        "is not one of the pinned ones; if CNS has a new certificate, pin that: ens pin add FILE"
      )
      expect(reason).toContain(key)
      expect(warnings).toEqual([
        expect.stringContaining(
          `Failed To Post to CNS [${stub.url}] Error: [${NO_TRUST} (ENS_PIN_MISMATCH)] Response: []`
        )
      ])
      expect(stub.requests).toEqual([])
    })
  )

  it.scopedLive("is not there without CNS's authority, pins or not", () =>
    Effect.gen(function* () {
      const stub = yield* demanding
      const other = TestCertificate.make("127.0.0.1").cert
      const { reason, warnings } = yield* outcome(stub.url, { ca: other, pins: [key] })
      expect(reason).toContain("name its authority in ENS_CNS_CA_FILE")
      expect(warnings[0]).toContain(NO_TRUST)
      expect(stub.requests).toEqual([])
    })
  )

  it.scopedLive(
    "is not there for a certificate that CNS does not know, and the operator learns what to do",
    () =>
      Effect.gen(function* () {
        const stranger = cnsCertificate("somebody else")
        const stub = yield* CnsStub.make({ tls: server })
        stub.act = () => ({ status: 401, body: { code: 2007, message: "the token was token-1" } })
        const { reason, warnings } = yield* outcome(stub.url, {}, stranger)
        expect(reason).toContain("HTTP 401, code 2007")
        expect(reason).toContain("Secure Channel Certificate")
        expect(warnings).toEqual([
          expect.stringContaining(
            `Failed To Post to CNS [${stub.url}] Error: [The remote server returned an error: (401) Unauthorized.] Response: [2007]`
          )
        ])
      })
  )

  it.scopedLive("can fail in TLS already", () =>
    Effect.gen(function* () {
      const stub = yield* demanding
      const { reason } = yield* outcome(stub.url, {}, cnsCertificate("somebody else"))
      expect(reason).toMatch(/Secure Channel Certificate|breaks the connection off/)
      const anonymous = yield* CnsGateway.make({ url: stub.url, connection: { ca: server.cert } })
      expect(yield* anonymous.send([notification(1)])).toEqual([
        expect.objectContaining({
          _tag: "GatewayDown",
          reason: expect.stringMatching(/wants one|misses a client certificate/)
        })
      ])
      expect(stub.requests).toEqual([])
    })
  )
})

describe("the log of a request to CNS", () => {
  it.scopedLive("says what was signed and answered, and nothing of the mail or the device", () =>
    Effect.gen(function* () {
      const stub = yield* demanding
      const lines: Array<LogRecorder.LogLine> = []
      const gateway = yield* gatewayTo(stub.url)
      yield* gateway.send([notification(1)]).pipe(Effect.provide(LogRecorder.layer(lines)))
      const text = lines.map((line) => line.text).join("\n")
      expect(text).toContain(`Signing URL [${PATH}] with Cert [CN=AW Cloud Notification - test]`)
      expect(text).toContain("HttpStatusCode:[200] ResponseCode:[Delivered]")
      expect(text).not.toMatch(/token-1|Sender|Subject|item-|CMSURL/)
    })
  )
})
