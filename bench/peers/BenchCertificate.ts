import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** PEM files for servers under test. */
export interface BenchCertificate {
  readonly certFile: string
  readonly keyFile: string
}

/** A certificate of today (P-256) that signs itself, gone with this process; undefined without openssl. */
export const makeCertificate = (): BenchCertificate | undefined => {
  const directory = mkdtempSync(join(tmpdir(), "ens-bench-tls-"))
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }))
  const [certFile, keyFile] = [join(directory, "ens.crt"), join(directory, "ens.key")]
  const kind = ["-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
  const names = ["-days", "365", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
  try {
    execFileSync("openssl", ["req", ...kind, ...names, "-keyout", keyFile, "-out", certFile], {
      stdio: "ignore"
    })
  } catch {
    return undefined
  }
  return { certFile, keyFile }
}
