import { Redacted } from "effect"
import { textTable } from "./TextTable.ts"

/** Something of the set-up: where it is, and whether it was made just now. */
interface Part {
  readonly at: string
  readonly made: boolean
}

/** What `ens init` found and made. */
export interface InitReport {
  readonly dataDir: Part
  readonly masterKey: Part
  readonly database: Part
  readonly cns: (Part & { readonly subject: string; readonly expiresAt: number }) | undefined
  /** The one that was made. */
  readonly token:
    | { readonly id: string; readonly tenant: string; readonly token: Redacted.Redacted<string> }
    | undefined
  /** How many there were before. */
  readonly tokens: number
  /** Added to the token's tenant. */
  readonly ewsUrl: string | undefined
  /** What was asked for and not done, and what to do instead. */
  readonly notes: ReadonlyArray<string>
}

/** For people. */
export const asText = (report: InitReport): string => {
  const { cns, database, dataDir, ewsUrl, masterKey, notes, token, tokens } = report
  const part = (name: string, { at, made }: Part, more = "") => [made ? "made" : "exists", name, at + more]
  const rows = [
    part("data directory", dataDir),
    part("master key", masterKey, masterKey.made ? " (back it up, apart from the data directory)" : ""),
    part("database", database),
    cns === undefined
      ? ["none", "CNS certificate", "ens init --config-xml FILE --password-file FILE"]
      : part("CNS certificate", cns, ` (${cns.subject}, until ${dayOf(cns.expiresAt)})`),
    token === undefined
      ? ["exists", "API tokens", `${tokens}; see: ens token list`]
      : [
          "made",
          "API token",
          `${token.id} of tenant ${token.tenant}${ewsUrl === undefined ? "" : `, for ${ewsUrl}`}`
        ]
  ]
  const secret =
    token === undefined
      ? []
      : [
          `${Redacted.value(token.token)}\n\nThis is the API token. It is not shown again: enter it as ENSAPIToken in the app's profile.`
        ]
  return [textTable(["", "WHAT", "WHERE"], rows), ...notes.map((note) => `Note: ${note}.`), ...secret].join(
    "\n\n"
  )
}

/** For programs. */
export const asJson = ({ cns, database, dataDir, masterKey, notes, token }: InitReport): string =>
  JSON.stringify({
    dataDir,
    masterKey,
    database,
    cnsCertificate: cns === undefined ? null : { ...cns, expiresAt: new Date(cns.expiresAt).toISOString() },
    token: token === undefined ? null : { ...token, token: Redacted.value(token.token) },
    notes
  })

const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)
