import { Command } from "@effect/cli"
import { Console, Effect } from "effect"
import { Storage } from "../../layers/storage/Storage.ts"
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
      ...forPhones.map(({ id, tenant, label, createdAt, ewsUrls }) => ({
        id,
        tenant,
        label,
        createdAt: new Date(createdAt).toISOString(),
        ewsUrls
      })),
      ...forAdmins.map(({ id, label, createdAt }) => ({
        id: shownId(id),
        admin: true,
        label,
        createdAt: new Date(createdAt).toISOString()
      }))
    ]
    if (given.json) return yield* Console.log(JSON.stringify(rows))
    if (rows.length === 0) return yield* Console.log("no tokens; make one: ens token create --label phones")
    const cells = rows.map((row) =>
      "admin" in row
        ? [row.id, "(console)", row.label, row.createdAt, "-"]
        : [row.id, row.tenant, row.label, row.createdAt, row.ewsUrls.join(" ")]
    )
    yield* Console.log(textTable(["ID", "TENANT", "LABEL", "MADE", "EWS URLS OF THE TENANT"], cells))
  })
).pipe(Command.withDescription("List API tokens and admin tokens"))
