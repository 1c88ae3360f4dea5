import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const SCHEMA = join(import.meta.dirname, "../../../../../shared/ews/schema/ews-envelope.xsd")

const hasXmllint = (): boolean => {
  try {
    execFileSync("xmllint", ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** Why documents cannot be checked against Microsoft's schema here; undefined if they can. */
export const whyNoSchema: string | undefined = !existsSync(SCHEMA)
  ? "the EWS schema is not beside the repository"
  : !hasXmllint()
    ? "xmllint is not installed"
    : undefined

/** Complaints of xmllint about whole SOAP envelopes; "" if all are valid. */
export const schemaErrors = (documents: ReadonlyArray<string>): string => {
  const folder = mkdtempSync(join(tmpdir(), "ens-xsd-"))
  try {
    const files = documents.map((document, index) => {
      const file = join(folder, `${index}.xml`)
      writeFileSync(file, document)
      return file
    })
    execFileSync("xmllint", ["--noout", "--schema", SCHEMA, ...files], {
      stdio: ["ignore", "ignore", "pipe"]
    })
    return ""
  } catch (error) {
    return String((error as { stderr?: unknown }).stderr ?? error)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
