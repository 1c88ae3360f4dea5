import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as TestCertificate from "../support/TestCertificate.ts"

/** Nothing else looks like it, and no encoding but those that are searched for changes it. */
export const canary = (name: string): string => `${name}Zq${randomBytes(9).toString("hex")}`

/** The settings as they are, or each in a file of the directory that its name with `_FILE` names. */
export const given = (
  directory: string | undefined,
  settings: Readonly<Record<string, string>>
): Readonly<Record<string, string>> =>
  directory === undefined
    ? settings
    : Object.fromEntries(
        Object.entries(settings).map(([name, value]) => {
          const file = join(directory, `${name}-${randomBytes(6).toString("hex")}`)
          writeFileSync(file, `${value}\n`, { mode: 0o600 })
          return [`${name}_FILE`, file]
        })
      )

/** A certificate for this machine and its key as PKCS#12, made by openssl. */
export const pkcs12 = (directory: string, password: string) => {
  const { cert, key } = TestCertificate.make("127.0.0.1")
  const name = randomBytes(6).toString("hex")
  const [pem, file] = [join(directory, `${name}.pem`), join(directory, `${name}.p12`)]
  writeFileSync(pem, key + cert)
  execFileSync("openssl", ["pkcs12", "-export", "-in", pem, "-out", file, "-passout", `pass:${password}`], {
    stdio: "pipe"
  })
  return { file, key, cert, base64: readFileSync(file).toString("base64") }
}
