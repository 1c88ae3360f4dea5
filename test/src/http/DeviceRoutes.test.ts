import { createServer } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { hostname } from "node:os"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as DeviceRoutes from "../../../src/http/DeviceRoutes.ts"
import { instanceId, version } from "../../../src/Instance.ts"
import { layer, makeToken, open, TOKEN, USER_ID } from "../../support/DeviceApiFixture.ts"
import { SubscriptionScript } from "../../support/FakeSubscriptions.ts"
import { StorageFaults } from "../../support/FaultyStorage.ts"

const KEY = "/api/ens/getpublickey"

describe("the public routes", () => {
  it.scoped("tell that they are alive, as monitoring of ENS2 expects it", () =>
    Effect.gen(function* () {
      const { send } = yield* open
      for (const path of ["/api/ens/alive", "/API/Ens/Alive/", "/mailnotificationservice/api/ens/alive"]) {
        const got = yield* send(path)
        expect(got.status).toBe(200)
        expect(got.headers.get("content-type")).toBe("application/xml")
        expect(got.text).toBe(
          `<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">${hostname()} is alive, Version = ${version} Environment = A &amp; B InstanceId = ${instanceId}</string>`
        )
      }
    }).pipe(Effect.provide(layer({ environmentType: "A & B" })))
  )

  it.scoped("answer a known path with a wrong method by 405 in XML", () =>
    Effect.gen(function* () {
      const { send } = yield* open
      const wrong = [
        ["GET", KEY, "POST"],
        ["PUT", "/MailNotificationService/api/ens/RegisterDeviceV2", "POST"],
        ["DELETE", "/api/ens/unregister", "POST"],
        ["GET", "/api/ens/pushnotificationlistener?id=1&f=2&s=3", "POST"],
        ["POST", "/api/ens/alive", "GET"],
        ["POST", "/readyz", "GET"]
      ] as const
      for (const [method, path, allowed] of wrong) {
        const got = yield* send(path, { method })
        expect([got.status, got.headers.get("content-type"), got.headers.get("allow")], path).toEqual([
          405,
          "application/xml",
          allowed
        ])
        expect(got.text).toBe(
          `<Error><Message>The requested resource does not support http method '${method}'.</Message></Error>`
        )
      }
    }).pipe(Effect.provide(layer()))
  )

  it.scoped("answer an unknown path by 404 in the envelope", () =>
    Effect.gen(function* () {
      const { send } = yield* open
      for (const path of [
        "/",
        "/api/ens",
        "/api/ens/registerdevice",
        "/api/ens/getpublickey/x",
        "/metrics",
        "/docs"
      ]) {
        for (const method of ["GET", "POST", "OPTIONS", "QUERY"]) {
          const got = yield* send(path, { method })
          expect([got.status, got.json["responseCode"]], `${method} ${path}`).toEqual([404, 4])
          expect(got.json).not.toHaveProperty("retryAfterSeconds")
        }
      }
    }).pipe(Effect.provide(layer()))
  )

  it.scoped("are ready while storage is reachable and the actors are loaded, and healthy all the time", () =>
    Effect.gen(function* () {
      const { send } = yield* open
      const script = yield* SubscriptionScript
      const faults = yield* StorageFaults
      const statuses = Effect.gen(function* () {
        return [(yield* send("/readyz")).status, (yield* send("/healthz")).status]
      })
      expect(yield* statuses).toEqual([200, 200])
      script.setLoaded(false)
      expect(yield* statuses).toEqual([503, 200])
      script.setLoaded(true)
      faults.down(true)
      expect(yield* statuses).toEqual([503, 200])
      faults.down(false)
      expect(yield* statuses).toEqual([200, 200])
    }).pipe(Effect.provide(layer()))
  )
})

/** The routes behind a real listener on a free port. */
const listening = Effect.gen(function* () {
  const handler = yield* NodeHttpServer.makeHandler(yield* DeviceRoutes.app)
  const server = createServer(handler)
  yield* Effect.acquireRelease(
    Effect.promise(() => new Promise<void>((done) => server.listen(0, "127.0.0.1", done))),
    () =>
      Effect.promise(() => {
        server.closeAllConnections()
        return new Promise<void>((done) => server.close(() => done()))
      })
  )
  yield* makeToken()
  const { port } = server.address() as AddressInfo
  const post = (body: string | ReadableStream, headers: Record<string, string> = {}) =>
    Effect.promise(async () => {
      const response = await fetch(`http://127.0.0.1:${port}${KEY}`, {
        method: "POST",
        body,
        headers: { ENSAPIToken: TOKEN, ...headers },
        ...(typeof body === "string" ? {} : { duplex: "half" })
      } as RequestInit)
      return [response.status, ((await response.json()) as { responseCode: number }).responseCode]
    })
  return { port, post }
})

/** A body without Content-Length. */
const chunked = (text: string) => new Blob([text]).stream()
const padded = (bytes: number) => {
  const body = JSON.stringify({ userId: USER_ID, padding: "" })
  return body.replace('""', `"${"x".repeat(bytes - body.length)}"`)
}

describe("bodies over a socket", () => {
  it.scopedLive("are taken up to 256 KiB, with and without Content-Length", () =>
    Effect.gen(function* () {
      const { post } = yield* listening
      const body = padded(256 * 1024)
      expect(body.length).toBe(262_144)
      expect(yield* post(body)).toEqual([200, 3])
      expect(yield* post(chunked(body))).toEqual([200, 3])
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("over that are answered 413 with code 32, and the connection stays usable", () =>
    Effect.gen(function* () {
      const { post } = yield* listening
      for (const bytes of [256 * 1024 + 1, 300 * 1024, 2 * 1024 * 1024]) {
        expect(yield* post(padded(bytes)), `${bytes}`).toEqual([413, 32])
        expect(yield* post(chunked(padded(bytes))), `${bytes} chunked`).toEqual([413, 32])
      }
      expect(yield* post(padded(1000))).toEqual([200, 3])
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("are not read for a wrong token", () =>
    Effect.gen(function* () {
      const { post } = yield* listening
      expect(yield* post(padded(300 * 1024), { ENSAPIToken: "wrong" })).toEqual([401, 23])
      expect(yield* post("{", { ENSAPIToken: "wrong" })).toEqual([401, 23])
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("without end, or broken off, do no harm to others", () =>
    Effect.gen(function* () {
      const { port, post } = yield* listening
      const head = `POST ${KEY} HTTP/1.1\r\nHost: ens\r\nENSAPIToken: ${TOKEN}\r\n`
      const endless = connect(port, "127.0.0.1")
      yield* Effect.promise(
        () =>
          new Promise<void>((done) => {
            endless.on("error", () => {})
            endless.on("close", () => done())
            endless.write(`${head}Transfer-Encoding: chunked\r\n\r\n`)
            const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`
            const more = () => {
              while (!endless.destroyed && endless.write(chunk)) {}
            }
            endless.on("drain", more)
            more()
          })
      )
      const broken = connect(port, "127.0.0.1")
      yield* Effect.promise(
        () =>
          new Promise<void>((done) => {
            broken.on("error", () => {})
            broken.write(`${head}Content-Length: 100\r\n\r\n{"userId"`, () => {
              broken.destroy()
              done()
            })
          })
      )
      expect(yield* post(JSON.stringify({ userId: USER_ID }))).toEqual([200, 3])
    }).pipe(Effect.provide(layer()))
  )
})
