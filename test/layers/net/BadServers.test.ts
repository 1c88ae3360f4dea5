import { generateKeyPairSync } from "node:crypto"
import { once } from "node:events"
import { request } from "node:https"
import type { AddressInfo } from "node:net"
import { connect, createServer, getCACertificates, setDefaultCACertificates, type TlsOptions } from "node:tls"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import forge from "node-forge"
import { Client } from "undici"
import { makeConnector } from "../../../layers/net/Connector.ts"
import * as ApnsConnection from "../../../layers/push/ApnsConnection.ts"
import * as CnsConnection from "../../../layers/push/CnsConnection.ts"
import * as FcmAccessToken from "../../../layers/push/FcmAccessToken.ts"
import * as FcmRequests from "../../../layers/push/FcmRequests.ts"
import * as SnsClient from "../../../layers/push/SnsClient.ts"
import * as OtlpClient from "../../../layers/telemetry/OtlpClient.ts"

const DAY = 86_400_000
const pair = generateKeyPairSync("rsa", { modulusLength: 2048 })
const key = pair.privateKey.export({ type: "pkcs1", format: "pem" }).toString()

/** A certificate that signs itself, valid for a day until `end`. */
const certificateFor = (host: string, end: number, serial: string): string => {
  const certificate = forge.pki.createCertificate()
  const { e, n } = forge.pki.privateKeyFromPem(key)
  certificate.publicKey = forge.pki.setRsaPublicKey(n, e)
  certificate.serialNumber = serial
  certificate.validity.notBefore = new Date(end - 3 * DAY)
  certificate.validity.notAfter = new Date(end)
  const name = [{ name: "commonName", value: `${host} ${serial}` }]
  certificate.setSubject(name)
  certificate.setIssuer(name)
  const altNames = [{ type: 2, value: host }]
  certificate.setExtensions([
    { name: "basicConstraints", cA: true },
    { name: "subjectAltName", altNames }
  ])
  certificate.sign(forge.pki.privateKeyFromPem(key), forge.md.sha256.create())
  return forge.pki.certificateToPem(certificate)
}

const soon = Date.now() + DAY
const good = certificateFor("localhost", soon, "01")
const expired = certificateFor("localhost", Date.now() - DAY, "02")
const otherName = certificateFor("other.example.com", soon, "03")
const stranger = certificateFor("localhost", soon, "04")

const SERVERS: Readonly<Record<string, TlsOptions>> = {
  "whom nobody vouches for": { cert: stranger },
  "with a certificate that has ended": { cert: expired },
  "with the certificate of another host": { cert: otherName },
  "that knows no TLS 1.2": {
    cert: good,
    maxVersion: "TLSv1.1",
    minVersion: "TLSv1",
    ciphers: "ALL:@SECLEVEL=0"
  }
}

/** A server that only counts the bytes that it is told in confidence. */
const listening = (options: TlsOptions) =>
  Effect.gen(function* () {
    let heard = 0
    const server = createServer({ key, ALPNProtocols: ["h2", "http/1.1"], ...options }, (socket) => {
      socket.on("error", () => {})
      socket.on("data", (data) => {
        heard += data.length
        socket.destroy()
      })
    })
    server.on("tlsClientError", () => {})
    yield* Effect.acquireRelease(
      Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening")),
      () => Effect.sync(() => server.close())
    )
    const { port } = server.address() as AddressInfo
    return { port, url: `https://localhost:${port}`, heard: () => heard }
  })

const TIMEOUT = 3000
const SECRET = "Bearer Canary-that-nobody-else-hears"

/** Asks by undici, as for Exchange, Autodiscover and CNS. */
const asked = (url: string, connector: ReturnType<typeof makeConnector>) =>
  Effect.promise(async () => {
    const client = new Client(url, { connect: connector })
    await client.request({ method: "POST", path: "/", body: SECRET }).catch(() => {})
    await client.destroy()
  })

const CLIENTS: Readonly<Record<string, (url: string) => Effect.Effect<unknown, never, Scope.Scope>>> = {
  "Exchange and Autodiscover": (url) =>
    asked(
      url,
      makeConnector({ listed: true, secure: true, pins: [] }, { connectTimeout: TIMEOUT, proxy: undefined })
    ),
  CNS: (url) => asked(url, CnsConnection.connector({}, true, TIMEOUT)),
  SNS: (endpoint) =>
    Effect.gen(function* () {
      const credentials = { accessKeyId: "AKIA", secretAccessKey: SECRET }
      const options = { region: "eu-west-1", endpoint: new URL(endpoint), credentials }
      const client = yield* SnsClient.make({ ...options, tls: {}, connections: 1, timeout: TIMEOUT })
      yield* Effect.exit(client.publish({ TargetArn: "arn", Message: SECRET }))
    }),
  FCM: (url) =>
    Effect.gen(function* () {
      const requests = yield* FcmRequests.make({
        endpoint: undefined,
        tls: {},
        connections: 1,
        timeout: TIMEOUT
      })
      yield* Effect.exit(
        requests.run(
          () =>
            new Promise((resolve, reject) => {
              request(url, { agent: requests.agent, method: "POST" }, resolve).on("error", reject).end(SECRET)
            })
        )
      )
    }),
  "Google's log-in": (url) =>
    Effect.gen(function* () {
      const account = {
        projectId: "p",
        email: "e@p",
        keyId: undefined,
        key: pair.privateKey,
        tokenUrl: new URL(url)
      }
      const access = yield* FcmAccessToken.make(account, { tls: {}, timeout: TIMEOUT })
      yield* Effect.exit(access.current)
    }),
  APNs: (origin) =>
    Effect.gen(function* () {
      const connection = yield* ApnsConnection.make({ origin, tls: {}, timeout: TIMEOUT })
      yield* Effect.exit(connection.post("/3/device/x", { authorization: SECRET }, "{}"))
    }),
  "the collector of telemetry": (url) =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      yield* Effect.exit(
        client.execute(HttpClientRequest.bodyUnsafeJson(HttpClientRequest.post(url), { SECRET }))
      )
    }).pipe(Effect.provide(OtlpClient.layer(url)))
}

const known = getCACertificates("default")
// As an operator trusts authorities of his own: NODE_EXTRA_CA_CERTS. But for the stranger, time and name alone are wrong.
beforeAll(() => setDefaultCACertificates([...known, good, expired, otherName]))
afterAll(() => setDefaultCACertificates(known))

describe.each(Object.entries(CLIENTS))("what goes to %s", (_, ask) => {
  it.scopedLive.each(Object.entries(SERVERS))("is not told to a server %s", ([, options]) =>
    Effect.gen(function* () {
      const server = yield* listening(options)
      yield* ask(server.url)
      expect(server.heard()).toBe(0)
    })
  )

  it.scopedLive("is told to the right one", () =>
    Effect.gen(function* () {
      const server = yield* listening({ cert: good })
      yield* ask(server.url)
      expect(server.heard()).toBeGreaterThan(0)
    })
  )
})

it.scopedLive("the server without TLS 1.2 would be heard by whoever speaks older ones", () =>
  Effect.gen(function* () {
    const server = yield* listening(SERVERS["that knows no TLS 1.2"] ?? {})
    const socket = connect({
      port: server.port,
      host: "localhost",
      minVersion: "TLSv1",
      ciphers: "ALL:@SECLEVEL=0"
    })
    yield* Effect.promise(() => once(socket, "secureConnect"))
    expect(socket.getProtocol()).toBe("TLSv1.1")
    socket.destroy()
  })
)
