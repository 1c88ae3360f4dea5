import { readdirSync, readFileSync } from "node:fs"
import { expect, it } from "@effect/vitest"

/** Words with which a program can do without checking whom it talks to. */
const WORDS =
  /rejectUnauthorized|NODE_TLS_REJECT_UNAUTHORIZED|checkServerIdentity|insecureHTTPParser|trustServerCertificate/gi

/** Everywhere that they may stand, and why. A further place is to be argued for here. */
const PLACES: Readonly<Record<string, string>> = {
  "layers/net/Connector.ts":
    "says that it checks, whatever the environment says, and remembers the certificate for pins",
  "layers/storage/mssql/MssqlUrl.ts": "an option of SQL Server's URL, off, which the log warns of",
  "layers/storage/mssql/MssqlSession.ts": "hands that option to the driver",
  "layers/storage/mssql/MssqlTls.ts": "checks the certificate for an address, which the driver cannot",
  "layers/storage/MssqlAdvice.ts": "names the option where a certificate is not trusted",
  "layers/storage/MssqlStorage.ts": "warns of the option",
  "src/http/TlsTerms.ts": "client certificates that are asked for, but looked at with each request",
  "src/UnsafeStart.ts": "refuses to start",
  "src/sandbox/Listener.ts": "demands a client certificate"
}

it("certificates are looked at everywhere; who speaks of not doing so is known", () => {
  const files = ["src", "layers", "actors", "schemas", "deploy"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
  )
  const found = files.filter((file) => readFileSync(file, "utf8").search(WORDS) >= 0)
  expect(found.sort()).toEqual(Object.keys(PLACES).sort())
  for (const file of files) {
    expect(readFileSync(file, "utf8"), file).not.toMatch(
      /rejectUnauthorized: *false|checkServerIdentity: *\(\) *=>/
    )
  }
})
