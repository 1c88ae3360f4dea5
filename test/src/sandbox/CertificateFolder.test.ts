import { X509Certificate } from "node:crypto"
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { certificateFrom, certificateIn } from "../../../src/sandbox/CertificateFolder.ts"
import { selfMade } from "../../../src/sandbox/SelfMadeCertificate.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "ens-certificate-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

it.scoped("a stand-in keeps its certificate as long as it is of use, and its key to itself", () =>
  Effect.gen(function* () {
    const path = join(yield* folder, "new")
    const first = yield* certificateIn(path, ["127.0.0.1", "localhost", "::1"])
    const certificate = new X509Certificate(first.cert)
    expect(certificate.checkHost("localhost")).toBe("localhost")
    expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1")
    expect(certificate.checkIP("::1")).toBe("::1")
    expect(first.certFile).toBe(join(path, "sandbox.crt"))
    expect((yield* Effect.promise(() => stat(join(path, "sandbox.key")))).mode & 0o777).toBe(0o600)
    expect(yield* certificateIn(path, ["127.0.0.1"])).toEqual(first)
    const other = yield* certificateIn(path, ["mail.example"])
    expect(other.cert).not.toBe(first.cert)
    yield* Effect.promise(() => writeFile(join(path, "sandbox.key"), selfMade(["x"], 1).key))
    expect((yield* certificateIn(path, ["mail.example"])).cert).not.toBe(other.cert)
    yield* Effect.promise(() => writeFile(join(path, "sandbox.crt"), "not one"))
    expect((yield* certificateIn(path, ["mail.example"])).cert).toContain("BEGIN CERTIFICATE")
  })
)

it.scoped("files that are no pair, no PEM or not there are named", () =>
  Effect.gen(function* () {
    const path = yield* folder
    const { certFile } = yield* certificateIn(path, ["a.example"])
    const keyFile = join(path, "other.key")
    yield* Effect.promise(() => writeFile(keyFile, selfMade(["b.example"], 1).key))
    const reason = (cert: string, key: string) =>
      Effect.flip(certificateFrom(cert, key)).pipe(Effect.map((error) => error.message))
    expect(yield* reason(certFile, keyFile)).toContain(`other.key: not the key of ${certFile}`)
    expect(yield* reason(certFile, join(path, "none"))).toContain("ENOENT")
    yield* Effect.promise(() => writeFile(keyFile, "text"))
    expect(yield* reason(certFile, keyFile)).toContain("not a PEM file")
    expect(yield* certificateFrom(certFile, join(path, "sandbox.key"))).toMatchObject({ certFile })
  })
)
