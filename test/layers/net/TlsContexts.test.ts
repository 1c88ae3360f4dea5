import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import type { ClientIdentity } from "../../../layers/net/ClientIdentity.ts"
import { connectReason } from "../../../layers/net/ConnectError.ts"
import { type TlsTerms, tlsContexts } from "../../../layers/net/TlsContexts.ts"
import { describePeer } from "../../peers/support/RealPeer.ts"
import { connectorClient } from "../../support/ConnectorClient.ts"
import { scriptedTlsServer } from "../../support/ScriptedServer.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"

const { cert, key } = TestCertificate.make("alice")
const identity: ClientIdentity = { digest: "alice", certificates: cert, key: Redacted.make(key) }
const terms: TlsTerms = { ca: undefined, minVersion: "1.2", identity: undefined }

describe("TLS contexts", () => {
  it("are shared by all connections of the same terms that show no certificate", () => {
    const contextOf = (changes: Partial<TlsTerms>) => tlsContexts({ ...terms, ...changes })[0]()
    expect(contextOf({ ca: cert })).toBe(contextOf({ ca: cert }))
    expect(contextOf({ ca: cert })).not.toBe(contextOf({}))
    expect(contextOf({ minVersion: "1.0" })).not.toBe(contextOf({}))
    expect(contextOf({ identity })).not.toBe(contextOf({ identity }))
  })

  it.scopedLive("with a client's certificate trust our own authorities first, then the known ones", () =>
    Effect.gen(function* () {
      const server = yield* scriptedTlsServer(TestCertificate.make("127.0.0.1"))
      const client = yield* connectorClient(server.origin, { ca: cert }, { identity })
      expect(connectReason(yield* Effect.flip(client.post("/")))).toMatch(/self-signed/)
      expect(server.requests).toEqual([])
      expect(tlsContexts({ ...terms, identity })).toHaveLength(1)
      expect(tlsContexts({ ...terms, ca: cert, identity })).toHaveLength(2)
    })
  )
})

describePeer("a client certificate for TLS", ["/usr/bin/openssl"], () => {
  it.scopedLive("is refused if its key is too weak, with a word on what to do", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [keyFile, certFile] = ["key", "cert"].map((name) => join(directory, name))
      const request = ["req", "-x509", "-nodes", "-newkey", "rsa:1024", "-days", "2", "-subj", "/CN=x"]
      execFileSync("openssl", [...request, "-keyout", keyFile!, "-out", certFile!], { stdio: "pipe" })
      const weak: ClientIdentity = {
        digest: "weak",
        certificates: readFileSync(certFile!, "utf8"),
        key: Redacted.make(readFileSync(keyFile!, "utf8"))
      }
      const client = yield* connectorClient("https://127.0.0.1:1", {}, { identity: weak })
      expect(yield* Effect.flip(client.post("/"))).toMatchObject({
        code: "ENS_CLIENT_CERTIFICATE",
        message: expect.stringMatching(/too weak; issue one with RSA-2048/)
      })
    })
  )
})
