import { writeFileSync } from "node:fs"
import { createServer, type RequestListener, type Server } from "node:http"
import { createServer as createTlsServer } from "node:https"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { publicUrl } from "../../../src/doctor/checks/PublicUrl.ts"
import { service } from "../../../src/doctor/checks/Service.ts"
import { version } from "../../../src/Instance.ts"
import { selfMade } from "../../../src/sandbox/SelfMadeCertificate.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { faults, installation, lines, look } from "./Clinic.ts"

const ID = "0a0a0a0a-1111-4222-8333-444444444444"
const OTHER = "0b0b0b0b-1111-4222-8333-444444444444"

const listening = (make: () => Server) =>
  Effect.acquireRelease(
    Effect.async<Server>((resume) => {
      const server = make()
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  ).pipe(
    Effect.map((server) => {
      const address = server.address()
      return typeof address === "object" && address !== null ? address.port : 0
    })
  )

const answering =
  (answer: (url: string) => string): RequestListener =>
  (incoming, outgoing) => {
    outgoing.end(answer(incoming.url ?? ""))
  }

/** A node whose admin listener says this. */
const node = (details: object = {}) =>
  Effect.gen(function* () {
    const said = {
      ready: true,
      role: "active",
      storage: "reachable",
      subscriptions: 3,
      version,
      instanceId: ID,
      ...details
    }
    const port = yield* listening(() => createServer(answering(() => JSON.stringify(said))))
    return { ENS_ADMIN_PORT: String(port), ENS_PUSH: "log" }
  })

const alive = (id: string) => (url: string) =>
  url.endsWith("/api/ens/alive")
    ? `<string>host is alive, Version = 1 InstanceId = ${id}</string>`
    : "<html>IIS</html>"

/** The settings with a public URL at which that answers. */
const called = Effect.fnUntraced(function* (answer: (url: string) => string, details: object = {}) {
  const port = yield* listening(() => createServer(answering(answer)))
  return yield* installation({ ...(yield* node(details)), ENS_PUBLIC_URL: `http://127.0.0.1:${port}` })
})

describe("a running service", () => {
  it.scopedLive("that other machines reach without TLS is told", () =>
    Effect.gen(function* () {
      const settings = yield* installation({ ...(yield* node()), ENS_ADMIN_HOST: "0.0.0.0" })
      expect(yield* lines(settings, service)).toMatch(/^– admin listener: .*by plain HTTP/m)
      expect(yield* lines(yield* installation(yield* node()), service)).not.toContain("admin listener")
    })
  )

  it.scopedLive("tells its troubles, each with cause and cure", () =>
    Effect.gen(function* () {
      const troubles = [
        {
          fault: "gateway-log-in-refused",
          where: "cns",
          what: "HTTP 401, code 2007",
          since: "x",
          last: "y",
          count: 1
        },
        { fault: "a-cause-of-a-later-version", where: "x", what: "y" }
      ]
      const gateways = [{ gateway: "cns", up: false, lastError: "CNS does not trust this ENS", waiting: 2 }]
      const settings = yield* installation(yield* node({ troubles, gateways }))
      const text = yield* lines(settings, service)
      expect(text).toContain("✔ service: ENS")
      expect(text).toContain("cns: HTTP 401, code 2007 (gateway-log-in-refused); renew the certificate")
      // Once is enough.
      expect(text.match(/✖/g)).toHaveLength(1)
    })
  )

  it.scopedLive("whose gateway is down, or that does not reach storage, is told without troubles too", () =>
    Effect.gen(function* () {
      const gateways = [{ gateway: "fcm", up: false, lastError: "FCM at x cannot be reached (ECONNREFUSED)" }]
      const settings = yield* installation(yield* node({ ready: false, storage: "unreachable", gateways }))
      expect(faults(yield* look(settings, service))).toEqual(["storage-down", "gateway-down"])
    })
  )

  it.scopedLive("of another version is told", () =>
    Effect.gen(function* () {
      const settings = yield* installation(yield* node({ version: "0.0.1" }))
      expect(yield* lines(settings, service)).toContain(`✖ service: 0.0.1 runs, and this is ${version}`)
    })
  )

  it.scopedLive("that is none, or something else, is a line and nothing wrong", () =>
    Effect.gen(function* () {
      const settings = yield* installation()
      expect(yield* lines(settings, service)).toMatch(/^– service: it does not run/)
      const port = yield* listening(() => createServer(answering(() => "<html>hello</html>")))
      const other = yield* installation({ ENS_ADMIN_PORT: String(port) })
      const taken = yield* lines(other, service)
      expect(taken).toMatch(/^– service: it does not run/)
      expect(taken).toContain(`another program answers on 127.0.0.1:${port}`)
    })
  )
})

describe("the public URL", () => {
  it.scopedLive("that reaches this service is fine; a loopback one is noted", () =>
    Effect.gen(function* () {
      const text = yield* lines(yield* called(alive(ID)), publicUrl)
      expect(text).toContain("alive reaches this service")
      expect(text).toContain("– callbacks: the public URL is a loopback address")
      expect(text).not.toContain("✖")
    })
  )

  it.scopedLive("that reaches another ENS, or something else, is callbacks-missing", () =>
    Effect.gen(function* () {
      const another = yield* look(yield* called(alive(OTHER)), publicUrl)
      expect(faults(another)).toEqual(["callbacks-missing"])
      expect(another[0]?.says).toContain("reaches another ENS")
      const page = yield* look(yield* called(() => "<html>IIS</html>"), publicUrl)
      expect(faults(page)).toEqual(["callbacks-missing"])
      expect(page[0]?.says).toContain("is not ENS")
    })
  )

  it.scopedLive("of a standby reaches the active node", () =>
    Effect.gen(function* () {
      expect(faults(yield* look(yield* called(alive(OTHER), { role: "standby" }), publicUrl))).toEqual([])
    })
  )

  it.scopedLive("at which nobody listens is callbacks-missing while the service runs, and usual before", () =>
    Effect.gen(function* () {
      const before = yield* installation()
      expect(yield* lines(before, publicUrl)).toMatch(/^– public URL: nothing listens/)
      const runs = yield* installation({ ...(yield* node()), ENS_PUBLIC_URL: "http://127.0.0.1:1" })
      expect(faults(yield* look(runs, publicUrl))).toEqual(["callbacks-missing"])
    })
  )

  it.scopedLive("whose certificate no stranger trusts is callbacks-missing", () =>
    Effect.gen(function* () {
      const port = yield* listening(() => createTlsServer(selfMade(["127.0.0.1"], 90), answering(alive(ID))))
      const settings = yield* installation({
        ...(yield* node()),
        ENS_PUBLIC_URL: `https://127.0.0.1:${port}`
      })
      const found = yield* look(settings, publicUrl)
      expect(faults(found)).toEqual(["callbacks-missing"])
      expect(found[0]?.says).toContain("self-signed")
    })
  )

  it.scopedLive("that answers only who has a client certificate is not judged without one", () =>
    Effect.gen(function* () {
      const { cert, key } = selfMade(["127.0.0.1"], 90)
      const directory = yield* temporaryDirectory
      const at = (name: string, text: string) => {
        writeFileSync(join(directory, name), text)
        return join(directory, name)
      }
      const [certFile, keyFile] = [at("own.crt", cert), at("own.key", key)]
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const options = { cert, key, ca: cert, requestCert: true, rejectUnauthorized: true, maxVersion }
        const port = yield* listening(() => createTlsServer(options, answering(alive(ID))))
        const asked = (clientAuth: string, ca: string) =>
          Effect.gen(function* () {
            const settings = yield* installation({
              ...(yield* node()),
              ENS_PUBLIC_URL: `https://127.0.0.1:${port}`,
              ENS_EWS_CA_FILE: ca,
              ENS_TLS_CERT_FILE: certFile,
              ENS_TLS_KEY_FILE: keyFile,
              ENS_TLS_CLIENT_CA_FILE: certFile,
              ENS_TLS_CLIENT_AUTH: clientAuth
            })
            return yield* look(settings, publicUrl)
          })
        const [all] = yield* asked("all", certFile)
        expect(all?.verdict, maxVersion).toBe("skipped")
        expect(all?.says).toMatch(/ENS_TLS_CLIENT_AUTH=all.*curl --cert FILE/)
        // What else is wrong is told, where it can be seen before.
        const other = at("other.crt", selfMade(["127.0.0.1"], 90).cert)
        if (maxVersion === "TLSv1.3")
          expect(faults(yield* asked("all", other))).toEqual(["callbacks-missing"])
        expect(faults(yield* asked("devices", certFile))).toEqual(["callbacks-missing"])
      }
    })
  )
})
