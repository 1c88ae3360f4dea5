import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { cnsCertificate } from "./CnsClient.ts"

/** Password of the files that `p12` makes. */
export const P12_PASSWORD = "pass wörd"

/** A certificate for CNS as a PKCS#12 file, made by openssl (AES, or RC2-40 as old exports are). */
export const p12 = (name?: string, encryption: "new" | "legacy" = "new"): Buffer => {
  const { cert, key } = cnsCertificate(name)
  const directory = mkdtempSync(join(tmpdir(), "ens-p12-"))
  try {
    const at = (file: string) => join(directory, file)
    writeFileSync(at("pem"), key + cert)
    const pack = [
      "pkcs12",
      "-export",
      "-in",
      at("pem"),
      "-out",
      at("p12"),
      "-passout",
      `pass:${P12_PASSWORD}`
    ]
    execFileSync("openssl", encryption === "legacy" ? [...pack, "-legacy"] : pack, { stdio: "pipe" })
    return readFileSync(at("p12"))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** The console's file, as it might be. */
export const configXml = (...certificates: ReadonlyArray<Buffer>): string => `<?xml version="1.0"?>
<Configuration xmlns="http://schemas.example.com/ens">
  <CnsUrl>https://cns.awmdm.com/nws/notify/apns</CnsUrl>
  <Salt>AAAAAAAAAAAAAAAA</Salt>
${certificates
  .map((one) => `  <Certificate>\n${one.toString("base64").replace(/.{76}/g, "$&\n")}\n  </Certificate>`)
  .join("\n")}
</Configuration>
`
