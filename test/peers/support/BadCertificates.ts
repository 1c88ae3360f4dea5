import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { P12_PASSWORD, type Pki } from "./Pki.ts"

/** PKCS#12 files (base64) of alice's that a server of the PKI must not accept. */
export interface BadCertificates {
  readonly expired: string
  /** Signed by nobody whom the server knows. */
  readonly foreign: string
}

export const badCertificates = (pki: Pki): BadCertificates => {
  const openssl = (...args: ReadonlyArray<string>) =>
    execFileSync("openssl", args, { cwd: pki.directory, stdio: "pipe" })
  const NEW = [
    "req",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-subj",
    "/O=Contoso/CN=alice"
  ]
  openssl(...NEW, "-keyout", "expired.key", "-out", "expired.csr")
  openssl(
    ...["x509", "-req", "-in", "expired.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"],
    ...["-days", "-1", "-out", "expired.crt"]
  )
  openssl(...NEW, "-x509", "-days", "1", "-keyout", "foreign.key", "-out", "foreign.crt")
  const p12 = (name: string) => {
    openssl(
      ...["pkcs12", "-export", "-in", `${name}.crt`, "-inkey", `${name}.key`],
      ...["-passout", `pass:${P12_PASSWORD}`, "-out", `${name}.p12`]
    )
    return readFileSync(join(pki.directory, `${name}.p12`)).toString("base64")
  }
  return { expired: p12("expired"), foreign: p12("foreign") }
}
