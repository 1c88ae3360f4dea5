import { Redacted } from "effect"
import { ownName, quoted } from "../OwnName.ts"
import { whereToEnter } from "./AdminTokens.ts"
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
  /** The one that was made. */
  readonly adminToken: { readonly id: string; readonly token: Redacted.Redacted<string> } | undefined
  /** How many there were before. */
  readonly adminTokens: number
  /** Where an admin token is entered; undefined if the console is switched off. */
  readonly console: string | undefined
  /** The config file that was made. */
  readonly config: string | undefined
  /** Added to the token's tenant. */
  readonly ewsUrl: string | undefined
  /** What was asked for and not done, and what to do instead. */
  readonly notes: ReadonlyArray<string>
}

/** For people. */
export const asText = (report: InitReport): string => {
  const { adminToken, adminTokens, cns, config, database, dataDir, ewsUrl, masterKey, token, tokens } = report
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
        ],
    adminToken === undefined
      ? ["exists", "admin tokens", `${adminTokens}; see: ens token list`]
      : ["made", "admin token", `${adminToken.id}, for the console`],
    ...(config === undefined ? [] : [["made", "config file", config]])
  ]
  return [
    textTable(["", "WHAT", "WHERE"], rows),
    ...report.notes.map((note) => `Note: ${note}.`),
    ...secretsOf(report),
    ...(config === undefined ? [] : [nextOf(config)])
  ].join("\n\n")
}

/** The tokens that were made, each with what it is for. */
const secretsOf = ({ adminToken, console, token }: InitReport) => [
  ...(token === undefined
    ? []
    : [
        `${Redacted.value(token.token)}\n\nThis is the API token. It is not shown again: enter it as ENSAPIToken in the app's profile.`
      ]),
  ...(adminToken === undefined
    ? []
    : [
        `${Redacted.value(adminToken.token)}\n\nThis is the admin token. It is not shown again. ${whereToEnter(console)}`
      ])
]

const nextOf = (config: string) =>
  ["Next:", ...["doctor", "start"].map((name) => `  ${ownName()} ${name} --config ${quoted(config)}`)].join(
    "\n"
  )

/** For programs. `keys`: RSA keys that were made ahead. */
export const asJson = (report: InitReport, keys: number): string => {
  const { adminToken, cns, config, console, database, dataDir, masterKey, notes, token } = report
  return JSON.stringify({
    dataDir,
    masterKey,
    database,
    cnsCertificate: cns === undefined ? null : { ...cns, expiresAt: new Date(cns.expiresAt).toISOString() },
    token: token === undefined ? null : { ...token, token: Redacted.value(token.token) },
    adminToken:
      adminToken === undefined
        ? null
        : { id: adminToken.id, token: Redacted.value(adminToken.token), console: console ?? null },
    config: config ?? null,
    keys,
    notes
  })
}

/** What was made, for the audit record. */
export const madeBy = ({ adminToken, cns, database, dataDir, masterKey, token }: InitReport): string =>
  [
    ...(dataDir.made ? ["data directory"] : []),
    ...(masterKey.made ? ["master key"] : []),
    ...(database.made ? ["database"] : []),
    ...(cns?.made === true ? ["CNS certificate"] : []),
    ...(token === undefined ? [] : [`token ${token.id}`]),
    ...(adminToken === undefined ? [] : [`token ${adminToken.id}`])
  ].join(", ") || "nothing new"

const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)
