import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Option } from "effect"
import type { AdminToken, AuditRecord } from "../Storage.ts"
import { dialectOf } from "./Dialect.ts"
import { affected, inChunks, operation, type StorageShape } from "./Operation.ts"

const DROP_AT_ONCE = 1000

/** Tokens of administrators, and what they did. Every node may write it. */
export const make = (
  sql: SqlClient
): Pick<
  StorageShape,
  | "createAdminToken"
  | "listAdminTokens"
  | "revokeAdminToken"
  | "adminTokenOf"
  | "adminTokenHashes"
  | "addAudit"
  | "audits"
  | "dropAudits"
> => {
  const { inserted, limit, some } = dialectOf(sql)

  const dropSome = (before: number) =>
    affected(sql`
      DELETE FROM audits WHERE audit_no IN (
        SELECT audit_no FROM audits WHERE at < ${before} ${some(DROP_AT_ONCE)})`)

  return {
    createAdminToken: ({ createdAt, hash, label }) =>
      sql<{ token_no: number }>`
        INSERT INTO admin_tokens ${sql
          .insert({ label, hash, created_at: createdAt })
          .returning(inserted("token_no"))}`.pipe(
        Effect.map((rows) => ({
          id: String(rows[0]!.token_no),
          label,
          createdAt,
          lastUsedAt: null,
          replacedAt: null,
          expiresAt: null
        })),
        operation("createAdminToken")
      ),

    listAdminTokens: sql<TokenRow>`
      SELECT token_no, label, created_at, last_used_at, replaced_at, expires_at FROM admin_tokens ORDER BY token_no`.pipe(
      Effect.map((rows) => rows.map(tokenOf)),
      operation("listAdminTokens")
    ),

    revokeAdminToken: (id) =>
      /^[1-9][0-9]{0,14}$/.test(id)
        ? affected(sql`DELETE FROM admin_tokens WHERE token_no = ${Number(id)}`).pipe(
            Effect.map((rows) => rows > 0),
            operation("revokeAdminToken")
          )
        : Effect.succeed(false),

    adminTokenOf: (hash) =>
      sql<TokenRow>`SELECT token_no, label, created_at, last_used_at, replaced_at, expires_at FROM admin_tokens WHERE hash = ${hash}`.pipe(
        Effect.map((rows) => Option.map(Option.fromNullable(rows[0]), tokenOf)),
        operation("adminTokenOf")
      ),

    adminTokenHashes: sql<{ hash: Uint8Array; expires_at: number | null }>`
      SELECT hash, expires_at FROM admin_tokens`.pipe(
      Effect.map((rows) => rows.map(({ expires_at, hash }) => ({ hash, expiresAt: expires_at }))),
      operation("adminTokenHashes")
    ),

    addAudit: ({ action, actor, at, outcome, target }) =>
      Effect.asVoid(
        operation("addAudit")(sql`INSERT INTO audits ${sql.insert({ at, actor, action, target, outcome })}`)
      ),

    audits: (count) =>
      sql<AuditRecord>`
        SELECT at, actor, action, target, outcome FROM audits ORDER BY audit_no DESC ${limit(count)}`.pipe(
        Effect.map((rows) =>
          rows.map(({ action, actor, at, outcome, target }) => ({ at, actor, action, target, outcome }))
        ),
        operation("audits")
      ),

    dropAudits: (before) => operation("dropAudits")(inChunks(DROP_AT_ONCE, dropSome(before)))
  }
}

interface TokenRow {
  readonly token_no: number
  readonly label: string
  readonly created_at: number
  readonly last_used_at: number | null
  readonly replaced_at: number | null
  readonly expires_at: number | null
}

const tokenOf = (row: TokenRow): AdminToken => ({
  id: String(row.token_no),
  label: row.label,
  createdAt: row.created_at,
  lastUsedAt: row.last_used_at,
  replacedAt: row.replaced_at,
  expiresAt: row.expires_at
})
