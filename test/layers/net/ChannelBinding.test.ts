import { execFileSync } from "node:child_process"
import { createHash, X509Certificate } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { channelBindingOf, endPointHash } from "../../../layers/net/ChannelBinding.ts"
import { describePeer } from "../../peers/support/RealPeer.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"

const sizes = { sha256: 32, sha384: 48, sha512: 64 } as const

/** A self-signed certificate (DER) that openssl makes with these options. */
const certificate = (...args: ReadonlyArray<string>): Buffer => {
  const directory = mkdtempSync(join(tmpdir(), "ens-certificate-"))
  try {
    const file = join(directory, "c.der")
    const request = [
      "req",
      "-x509",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=x",
      "-keyout",
      join(directory, "k")
    ]
    execFileSync("openssl", [...request, "-outform", "DER", "-out", file, ...args], { stdio: "pipe" })
    return readFileSync(file)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
const RSA = ["-newkey", "rsa:2048"]
const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
const PSS = [...RSA, "-sigopt", "rsa_padding_mode:pss"]

describePeer("the hash of a server's certificate", ["/usr/bin/openssl"], () => {
  it.each([
    ["RSA and SHA-256", [...RSA, "-sha256"], "sha256"],
    ["RSA and SHA-1", [...RSA, "-sha1"], "sha256"],
    ["RSA and MD5", [...RSA, "-md5"], "sha256"],
    ["RSA and SHA-384", [...RSA, "-sha384"], "sha384"],
    ["RSA and SHA-512", [...RSA, "-sha512"], "sha512"],
    ["RSA-PSS and SHA-256", [...PSS, "-sha256"], "sha256"],
    ["RSA-PSS and SHA-384", [...PSS, "-sha384"], "sha384"],
    ["RSA-PSS and SHA-512", [...PSS, "-sha512"], "sha512"],
    ["P-256 and SHA-256", [...EC, "-sha256"], "sha256"],
    ["P-256 and SHA-384", [...EC, "-sha384"], "sha384"],
    ["P-256 and SHA-512", [...EC, "-sha512"], "sha512"],
    ["Ed25519", ["-newkey", "ed25519"], "sha256"]
  ] as const)("is, for one signed by %s, of that strength", (_, args, name) => {
    const der = certificate(...args)
    expect(endPointHash(der)).toEqual(createHash(name).update(der).digest())
    expect(endPointHash(der)).toHaveLength(sizes[name])
  })
})

describe("a channel binding", () => {
  it("is the MD5 of what RFC 2744 puts around the certificate's hash", () => {
    const peer = new X509Certificate(TestCertificate.make("mail.test").cert)
    const hash = createHash("sha256").update(peer.raw).digest("hex")
    const prefix = Buffer.from("tls-server-end-point:").toString("hex")
    const struct = Buffer.from(`${"00".repeat(16)}35000000${prefix}${hash}`, "hex")
    expect(channelBindingOf(peer)).toEqual(createHash("md5").update(struct).digest())
  })

  it("is there for every certificate", () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => endPointHash(Buffer.from(bytes)).length >= 32))
  })
})
