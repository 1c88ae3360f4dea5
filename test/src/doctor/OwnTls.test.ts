import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { ownTls } from "../../../src/doctor/checks/OwnTls.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { TlsFiles } from "../../support/TlsFiles.ts"
import { faults, installation, lines, look } from "./Clinic.ts"

const LONG = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]

const served = (certFile: string | undefined, keyFile: string | undefined, publicUrl: string) =>
  installation({
    ENS_PUSH: "log",
    ENS_PUBLIC_URL: publicUrl,
    ...(certFile && keyFile ? { ENS_TLS_CERT_FILE: certFile, ENS_TLS_KEY_FILE: keyFile } : {})
  })

describe.skipIf(TlsFiles.missing)("the own certificate", () => {
  const files = Effect.map(temporaryDirectory, (directory) => new TlsFiles(directory))

  it.scopedLive("for the name of the public URL is told, with its chain and end", () =>
    Effect.gen(function* () {
      const made = (yield* files).make("own", [...LONG, "-days", "400"])
      const settings = yield* served(made.certFile, made.keyFile, "https://localhost")
      const text = yield* lines(settings, ownTls)
      expect(text).toContain("✔ own TLS certificate: it is for localhost, and its key belongs to it")
      expect(text).toContain("✔ TLS chain: self-signed; Exchange must trust it")
      expect(text).toMatch(/own TLS certificate: it is valid until \d{4}-/)
      expect(text).not.toContain("✖")
    })
  )

  it.scopedLive("is told with the authority whose client certificates are demanded", () =>
    Effect.gen(function* () {
      const at = yield* files
      const made = at.make("own")
      const told = (clientCaFile: string) =>
        Effect.flatMap(
          installation({
            ENS_PUSH: "log",
            ENS_PUBLIC_URL: "https://localhost",
            ENS_TLS_CERT_FILE: made.certFile,
            ENS_TLS_KEY_FILE: made.keyFile,
            ENS_TLS_CLIENT_AUTH: "devices",
            ENS_TLS_CLIENT_CA_FILE: clientCaFile
          }),
          (settings) => lines(settings, ownTls)
        )
      expect(yield* told(at.make("gateways").certFile)).toContain(
        "✔ client certificates: devices need one, from CN=gateways"
      )
      expect(yield* told(made.keyFile)).toMatch(
        /✖ client certificates: ENS_TLS_CLIENT_CA_FILE: .* no certificate/
      )
    })
  )

  it.scopedLive("for another name keeps Exchange from calling back", () =>
    Effect.gen(function* () {
      const made = (yield* files).make("own")
      const settings = yield* served(made.certFile, made.keyFile, "https://ens.example.com")
      const found = yield* look(settings, ownTls)
      expect(faults(found)).toEqual(["callbacks-missing"])
      expect(found[0]?.says).toContain("DNS:localhost")
    })
  )

  it.scopedLive("that ends soon is told before it does", () =>
    Effect.gen(function* () {
      const at = yield* files
      const [cert, key] = [at.path("soon.crt"), at.path("soon.key")]
      at.openssl(
        "req",
        "-x509",
        "-nodes",
        ...LONG,
        "-keyout",
        key,
        "-out",
        cert,
        "-days",
        "5",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost"
      )
      const settings = yield* served(cert, key, "https://localhost")
      expect(faults(yield* look(settings, ownTls))).toEqual(["certificate-expiring"])
    })
  )

  it.scopedLive("without that of its authority, or with a wrong one behind it, is told", () =>
    Effect.gen(function* () {
      const at = yield* files
      const authority = at.make("authority")
      const [request, key, cert] = [at.path("r.csr"), at.path("leaf.key"), at.path("leaf.crt")]
      at.openssl(
        "req",
        "-nodes",
        ...LONG,
        "-keyout",
        key,
        "-out",
        request,
        "-subj",
        "/CN=leaf",
        "-addext",
        "subjectAltName=DNS:localhost"
      )
      at.openssl(
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        authority.certFile,
        "-CAkey",
        authority.keyFile,
        "-out",
        cert,
        "-days",
        "90",
        "-copy_extensions",
        "copy"
      )
      const settings = yield* served(cert, key, "https://localhost")
      expect((yield* look(settings, ownTls)).find(({ check }) => check === "TLS chain")?.says).toContain(
        "holds no certificate of who issued ours (CN=authority)"
      )
      const alone = readFileSync(cert)
      appendFileSync(cert, readFileSync(at.make("stranger").certFile))
      expect((yield* look(settings, ownTls)).find(({ check }) => check === "TLS chain")?.says).toContain(
        "certificate 2 in the file did not issue the one before it"
      )
      writeFileSync(cert, Buffer.concat([alone, readFileSync(authority.certFile)]))
      expect(yield* lines(settings, ownTls)).toContain("✔ TLS chain: complete up to CN=authority")
    })
  )

  it.scopedLive("whose key is another's is told as the service would", () =>
    Effect.gen(function* () {
      const at = yield* files
      const settings = yield* served(at.make("own").certFile, at.make("other").keyFile, "https://localhost")
      expect(yield* lines(settings, ownTls)).toMatch(
        /✖ own TLS certificate: ENS_TLS_KEY_FILE: .* does not belong/
      )
    })
  )
})

describe("no certificate", () => {
  const about = (publicUrl: string) =>
    Effect.flatMap(served(undefined, undefined, publicUrl), (settings) => lines(settings, ownTls))

  it.scopedLive("is needed behind a proxy or on this machine, and is missed elsewhere", () =>
    Effect.gen(function* () {
      expect(yield* about("https://ens.example.com")).toMatch(/^– .*up to what stands in front/)
      expect(yield* about("http://127.0.0.1:8080")).toMatch(/^– .*stays on this machine/)
      expect(yield* about("http://ens.example.com")).toMatch(
        /^✖ .*can be read on the way; set ENS_TLS_CERT_FILE/
      )
    })
  )
})
