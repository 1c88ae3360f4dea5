import { execFileSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"

/** Password of all PKCS#12 files here. */
export const P12_PASSWORD = "p12pass"

/** Names that the servers' certificates are valid for, besides 127.0.0.1. */
export const SERVER_NAMES = ["localhost", "exchange.contoso.test"]

/** An authority and what it has signed, made by openssl; the paths are readable by everybody. */
export interface Pki {
  readonly directory: string
  /** PEM. */
  readonly ca: string
  readonly pem: (name: Leaf) => { readonly cert: string; readonly key: string }
  readonly certificate: (name: Leaf) => X509Certificate
  /** SHA-256 of the certificate, or of its public key, as openssl computes it. */
  readonly fingerprint: (name: Leaf, of: "certificate" | "key") => string
  /** PKCS#12 of the clients, base64: AES, or RC2-40 and 3DES as old exports are. */
  readonly p12: (name: "client" | "client-ec", encryption: "new" | "legacy") => string
}

/** Servers' certificates (RSA-2048, P-256) and users' (`CN=alice`). */
export type Leaf = "srv-rsa" | "srv-ec" | "client" | "client-ec"

export const pki: Effect.Effect<Pki, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "ens-pki-"))
    make(directory)
    // Servers that are started as root read these as somebody else.
    chmodSync(directory, 0o755)
    return directory
  }),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
).pipe(
  Effect.map((directory) => {
    const read = (name: string) => readFileSync(join(directory, name))
    return {
      directory,
      ca: read("ca.crt").toString(),
      pem: (name) => ({ cert: read(`${name}.crt`).toString(), key: read(`${name}.key`).toString() }),
      certificate: (name) => new X509Certificate(read(`${name}.crt`)),
      fingerprint: (name, of) => fingerprint(directory, name, of),
      p12: (name, encryption) =>
        read(encryption === "new" ? `${name}.p12` : `${name}-legacy.p12`).toString("base64")
    }
  })
)

const fingerprint = (cwd: string, name: Leaf, of: "certificate" | "key"): string => {
  const openssl = (args: ReadonlyArray<string>, input?: Buffer) =>
    execFileSync("openssl", args, { cwd, ...(input === undefined ? {} : { input }) })
  const certificate = ["x509", "-in", `${name}.crt`, "-noout"]
  const der =
    of === "certificate"
      ? openssl(["x509", "-in", `${name}.crt`, "-outform", "DER"])
      : openssl(["pkey", "-pubin", "-outform", "DER"], openssl([...certificate, "-pubkey"]))
  return openssl(["dgst", "-sha256", "-r"], der).toString().slice(0, 64)
}

const make = (cwd: string) => {
  const openssl = (...args: ReadonlyArray<string>) => execFileSync("openssl", args, { cwd, stdio: "pipe" })
  const RSA = ["rsa:2048"]
  const P256 = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
  openssl(
    ...["req", "-x509", "-newkey", ...P256, "-nodes", "-days", "3650", "-subj", "/CN=Test CA"],
    ...["-keyout", "ca.key", "-out", "ca.crt", "-addext", "basicConstraints=critical,CA:TRUE"],
    ...["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
  )
  const leaf = (name: Leaf, key: ReadonlyArray<string>, subject: string, extensions: string) => {
    const request = ["-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject]
    openssl("req", "-newkey", ...key, "-nodes", ...request)
    writeFileSync(join(cwd, `${name}.ext`), extensions)
    openssl(
      ...["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-days", "825", "-sha256", "-extfile", `${name}.ext`, "-out", `${name}.crt`]
    )
  }
  const names = [...SERVER_NAMES.map((name) => `DNS:${name}`), "IP:127.0.0.1"].join(",")
  const server = `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`
  const client = "extendedKeyUsage=clientAuth\nsubjectAltName=email:alice@contoso.test\n"
  leaf("srv-rsa", RSA, "/CN=exchange.contoso.test", server)
  leaf("srv-ec", P256, "/CN=exchange.contoso.test", server)
  leaf("client", RSA, "/O=Contoso/CN=alice", client)
  leaf("client-ec", P256, "/O=Contoso/CN=alice", client)
  for (const name of ["client", "client-ec"]) {
    const pair = ["-in", `${name}.crt`, "-inkey", `${name}.key`, "-certfile", "ca.crt", "-name", "alice"]
    const bundle = ["pkcs12", "-export", ...pair, "-passout", `pass:${P12_PASSWORD}`]
    openssl(...bundle, "-out", `${name}.p12`)
    openssl(...bundle, "-legacy", "-out", `${name}-legacy.p12`)
  }
  for (const name of ["srv-rsa", "srv-ec"]) chmodSync(join(cwd, `${name}.key`), 0o644)
}
