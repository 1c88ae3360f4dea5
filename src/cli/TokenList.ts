import { Command } from "@effect/cli"
import { Clock, Console, Effect } from "effect"
import { type ApiToken, Storage, type TokenLife } from "../../layers/storage/Storage.ts"
import { hasEnded } from "../../schemas/TokenEnd.ts"
import { withStorage } from "./Administer.ts"
import { shownId } from "./AdminTokens.ts"
import { configFile, json } from "./CommonOptions.ts"
import { textTable } from "./TextTable.ts"

/** `ens token list`: what is known of the tokens of both kinds; never the tokens themselves. */
export const listCommand = Command.make("list", { configFile, json }, (given) =>
  Effect.gen(function* () {
    const { forPhones, forAdmins } = yield* withStorage(
      given.configFile,
      Effect.flatMap(Storage, (storage) =>
        Effect.all({ forPhones: storage.listTokens, forAdmins: storage.listAdminTokens })
      )
    )
    const rows = [
      ...forPhones.map(({ id, tenant, label, ewsUrls, ...token }) => ({
        id,
        tenant,
        label,
        ...timesOf(token),
        ewsUrls
      })),
      ...forAdmins.map(({ id, label, ...token }) => ({
        id: shownId(id),
        admin: true,
        label,
        ...timesOf(token)
      }))
    ]
    if (given.json) return yield* Console.log(JSON.stringify(rows))
    if (rows.length === 0) return yield* Console.log("no tokens; make one: ens token create --label phones")
    const now = yield* Clock.currentTimeMillis
    const cells = rows.map((row) => [
      row.id,
      "admin" in row ? "(console)" : row.tenant,
      row.label,
      row.createdAt,
      row.lastUsedAt ?? "never",
      endOf(row.expiresAt, now),
      "admin" in row ? "-" : row.ewsUrls.join(" ")
    ])
    yield* Console.log(
      textTable(["ID", "TENANT", "LABEL", "MADE", "LAST USED", "ENDS", "EWS URLS OF THE TENANT"], cells)
    )
  })
).pipe(Command.withDescription("List API tokens and admin tokens"))

const timesOf = ({
  createdAt,
  expiresAt,
  lastUsedAt,
  replacedAt
}: Pick<ApiToken, "createdAt" | keyof TokenLife>) => ({
  createdAt: iso(createdAt),
  lastUsedAt: isoOf(lastUsedAt),
  replacedAt: isoOf(replacedAt),
  expiresAt: isoOf(expiresAt)
})

const iso = (at: number) => new Date(at).toISOString()

const isoOf = (at: number | null) => (at === null ? null : iso(at))

const endOf = (expiresAt: string | null, now: number) =>
  expiresAt === null
    ? "never"
    : hasEnded({ expiresAt: Date.parse(expiresAt) }, now)
      ? `ended ${expiresAt}`
      : expiresAt
