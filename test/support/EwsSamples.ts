import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const shared = fileURLToPath(new URL("../../../shared/ews/", import.meta.url))

/** Real messages of EWS servers. They are other people's text, lie outside of the repository and may be missing. */
export const samples = {
  present: existsSync(`${shared}samples`),
  /** For the names of tests that are skipped without them. */
  orSkipped: existsSync(`${shared}samples`) ? "" : " [SKIPPED: ../shared/ews/samples is not there]",
  names: (pattern: RegExp): ReadonlyArray<string> =>
    existsSync(`${shared}samples`)
      ? readdirSync(`${shared}samples`).filter((name) => pattern.test(name))
      : [],
  read: (name: string): Buffer => readFileSync(`${shared}samples/${name}`)
}

/** The XSD that validates whole envelopes, if it is there. */
export const envelopeSchema = `${shared}schema/ews-envelope.xsd`

/** The same for Exchange 2013 SP1, whose schema allows no other version in the request's header. */
export const olderEnvelopeSchema = `${shared}schema/2013_SP1/ews-envelope.xsd`
