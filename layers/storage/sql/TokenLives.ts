import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Option } from "effect"
import type { AdminToken, ApiToken, NextToken, TokenUse } from "../Storage.ts"
import { dialectOf } from "./Dialect.ts"
import { affected, operation, type StorageShape, transaction } from "./Operation.ts"

const TABLES = ["api_tokens", "admin_tokens"] as const
type Table = (typeof TABLES)[number]

const USE_COLUMNS = { token_no: "number", used_at: "number" } as const

/** When tokens of both kinds were used, and when they end. Every node may write it. */
export const make = (
  sql: SqlClient
): Pick<
  StorageShape,
  "rotateToken" | "rotateAdminToken" | "noteTokenUses" | "noteAdminTokenUses" | "dropEndedTokens"
> => {
  const dialect = dialectOf(sql)

  /** The new token's number and what the replaced one was; undefined if there is none, or none any more. */
  const rotate = Effect.fnUntraced(function* (table: Table, id: string, next: NextToken) {
    if (!isNumber(id)) return undefined
    const { createdAt, hash, until } = next
    // First, because a write locks everywhere: of two that rotate it at once, the later end must not win.
    const found = yield* affected(sql`
      UPDATE ${sql.literal(table)} SET replaced_at = COALESCE(replaced_at, ${createdAt}),
        expires_at = CASE WHEN expires_at < ${until} THEN expires_at ELSE ${until} END
      WHERE token_no = ${Number(id)} AND (expires_at IS NULL OR expires_at > ${createdAt})`)
    if (found === 0) return undefined
    const [row] = yield* sql<Row>`SELECT * FROM ${sql.literal(table)} WHERE token_no = ${Number(id)}`
    const former = row!
    const values = { label: former.label, hash, created_at: createdAt }
    const [made] = yield* sql<{ token_no: number }>`
      INSERT INTO ${sql.literal(table)} ${sql
        .insert(table === "api_tokens" ? { tenant_no: former.tenant_no!, ...values } : values)
        .returning(dialect.inserted("token_no"))}`
    return { former, id: String(made!.token_no), expiresAt: former.expires_at }
  })

  const noteUses = (table: Table, uses: ReadonlyArray<TokenUse>) => {
    const rows = uses.filter(({ id }) => isNumber(id)).map(({ at, id }) => [Number(id), at])
    return rows.length === 0
      ? Effect.void
      : Effect.asVoid(sql`
          UPDATE ${sql.literal(table)} SET last_used_at = x.used_at FROM ${dialect.rows(USE_COLUMNS, rows)}
          WHERE ${sql.literal(table)}.token_no = x.token_no AND (last_used_at IS NULL OR last_used_at < x.used_at)`)
  }

  return {
    rotateToken: (id, next) =>
      Effect.gen(function* () {
        const done = yield* rotate("api_tokens", id, next)
        if (done === undefined) return Option.none()
        const [tenant] = yield* sql<{ name: string }>`
          SELECT name FROM tenants WHERE tenant_no = ${done.former.tenant_no!}`
        const { label } = done.former
        const made: ApiToken = { id: done.id, tenant: tenant!.name, label, ...newLife(next) }
        return Option.some({ made, expiresAt: done.expiresAt })
      }).pipe(transaction(sql, "rotateToken")),

    rotateAdminToken: (id, next) =>
      Effect.map(rotate("admin_tokens", id, next), (done) => {
        if (done === undefined) return Option.none()
        const made: AdminToken = { id: done.id, label: done.former.label, ...newLife(next) }
        return Option.some({ made, expiresAt: done.expiresAt })
      }).pipe(transaction(sql, "rotateAdminToken")),

    noteTokenUses: (uses) => operation("noteTokenUses")(noteUses("api_tokens", uses)),

    noteAdminTokenUses: (uses) => operation("noteAdminTokenUses")(noteUses("admin_tokens", uses)),

    dropEndedTokens: (before) =>
      Effect.forEach(TABLES, (table) =>
        affected(sql`DELETE FROM ${sql.literal(table)} WHERE expires_at < ${before}`)
      ).pipe(
        Effect.map(([phones = 0, admins = 0]) => phones + admins),
        transaction(sql, "dropEndedTokens")
      )
  }
}

/** Of a token that has just got an end. */
interface Row {
  /** Of API tokens only. */
  readonly tenant_no?: number
  readonly label: string
  readonly expires_at: number
}

const newLife = ({ createdAt }: NextToken) => ({
  createdAt,
  lastUsedAt: null,
  replacedAt: null,
  expiresAt: null
})

const isNumber = (id: string) => /^[1-9][0-9]{0,14}$/.test(id)
