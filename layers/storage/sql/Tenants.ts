import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Option } from "effect"
import type { TenantNumber } from "../../../schemas/Ids.ts"
import { StorageError } from "../../../schemas/StorageError.ts"
import type { ApiToken, Tenant, TokenEntry } from "../Storage.ts"
import { dialectOf } from "./Dialect.ts"
import { affected, operation, type StorageShape, transaction } from "./Operation.ts"

type Tenants = Pick<
  StorageShape,
  | "createToken"
  | "listTokens"
  | "revokeToken"
  | "tokenDirectory"
  | "tokenVersion"
  | "tenantOfToken"
  | "tenant"
>

export const make = (sql: SqlClient): Tenants => {
  const { held, inserted } = dialectOf(sql)

  const tenantNamed = (name: string) =>
    Effect.map(sql<TenantRow>`SELECT * FROM tenants ${held} WHERE name = ${name}`, (rows) => rows[0])

  const tokenOfHash = (hash: Uint8Array) =>
    Effect.map(
      sql<TokenRow>`
        SELECT token_no, t.name AS tenant, label, created_at, last_used_at, replaced_at, expires_at, t.ews_urls
        FROM api_tokens JOIN tenants t ON t.tenant_no = api_tokens.tenant_no WHERE hash = ${hash}`,
      (rows) => rows[0]
    )

  const saveTenant = Effect.fnUntraced(function* (token: Parameters<Tenants["createToken"]>[0]) {
    const known = yield* tenantNamed(token.tenant)
    const row = {
      ews_urls: JSON.stringify(union(known?.ews_urls, token.ewsUrls)),
      ews_pins: JSON.stringify(union(known?.ews_pins, token.ewsPins)),
      seg: token.seg || known?.seg === 1 ? 1 : 0
    }
    if (known !== undefined) {
      yield* sql`UPDATE tenants SET ${sql.update(row)} WHERE tenant_no = ${known.tenant_no}`
      return known.tenant_no
    }
    const [made] = yield* sql<{ tenant_no: number }>`
      INSERT INTO tenants ${sql.insert({ name: token.tenant, ...row }).returning(inserted("tenant_no"))}`
    return made!.tenant_no
  })

  return {
    createToken: Effect.fnUntraced(
      function* (token) {
        const tenant_no = yield* saveTenant(token)
        const known = yield* tokenOfHash(token.hash)
        if (known === undefined) {
          const { hash, label, createdAt } = token
          yield* sql`INSERT INTO api_tokens ${sql.insert({ tenant_no, label, hash, created_at: createdAt })}`
        } else if (known.tenant !== token.tenant) {
          return yield* tokenTaken
        }
        return tokenOf((yield* tokenOfHash(token.hash))!)
      },
      transaction(sql, "createToken")
    ),

    listTokens: sql<TokenRow>`
      SELECT token_no, t.name AS tenant, label, created_at, last_used_at, replaced_at, expires_at, t.ews_urls
      FROM api_tokens JOIN tenants t ON t.tenant_no = api_tokens.tenant_no ORDER BY token_no`.pipe(
      Effect.map((rows) => rows.map((row) => ({ ...tokenOf(row), ewsUrls: listOf(row.ews_urls) }))),
      operation("listTokens")
    ),

    revokeToken: (id) =>
      /^[1-9][0-9]{0,14}$/.test(id)
        ? affected(sql`DELETE FROM api_tokens WHERE token_no = ${Number(id)}`).pipe(
            Effect.map((rows) => rows > 0),
            operation("revokeToken")
          )
        : Effect.succeed(false),

    tokenDirectory: sql<TenantRow & Pick<TokenRow, "token_no" | "expires_at"> & { hash: Uint8Array }>`
      SELECT token_no, expires_at, api_tokens.hash, t.*
      FROM api_tokens JOIN tenants t ON t.tenant_no = api_tokens.tenant_no`.pipe(
      Effect.map((rows) => rows.map(entryOf)),
      operation("tokenDirectory")
    ),

    // Seconds, so that the sum of any number of them is exact in JavaScript.
    tokenVersion: sql<{ tokens: number; newest: number | null; ends: number | null }>`
      SELECT COUNT(*) AS tokens, MAX(token_no) AS newest, SUM(COALESCE(expires_at, 0) / 1000) AS ends
      FROM api_tokens`.pipe(
      Effect.map((rows) => `${rows[0]!.tokens} ${rows[0]!.newest ?? 0} ${rows[0]!.ends ?? 0}`),
      operation("tokenVersion")
    ),

    tenantOfToken: (hash) =>
      sql<TenantRow>`
        SELECT t.* FROM api_tokens JOIN tenants t ON t.tenant_no = api_tokens.tenant_no WHERE hash = ${hash}`.pipe(
        Effect.map((rows) => Option.map(Option.fromNullable(rows[0]), tenantOf)),
        operation("tenantOfToken")
      ),

    tenant: (tenant) =>
      sql<TenantRow>`SELECT * FROM tenants WHERE tenant_no = ${tenant}`.pipe(
        Effect.map((rows) => Option.map(Option.fromNullable(rows[0]), tenantOf)),
        operation("tenant")
      )
  }
}

interface TenantRow {
  readonly tenant_no: number
  readonly name: string
  readonly ews_urls: string
  readonly ews_pins: string
  readonly seg: number
}

interface TokenRow {
  readonly token_no: number
  readonly tenant: string
  readonly label: string
  readonly created_at: number
  readonly last_used_at: number | null
  readonly replaced_at: number | null
  readonly expires_at: number | null
  readonly ews_urls: string
}

const listOf = (json: string): ReadonlyArray<string> => JSON.parse(json) as ReadonlyArray<string>

const union = (known: string | undefined, more: ReadonlyArray<string>) => [
  ...new Set([...(known === undefined ? [] : listOf(known)), ...more])
]

const tenantOf = (row: TenantRow): Tenant => ({
  tenant: row.tenant_no as TenantNumber,
  name: row.name,
  ewsUrls: listOf(row.ews_urls),
  ewsPins: listOf(row.ews_pins),
  seg: row.seg === 1
})

const tokenOf = (row: TokenRow): ApiToken => ({
  id: String(row.token_no),
  tenant: row.tenant,
  label: row.label,
  createdAt: row.created_at,
  lastUsedAt: row.last_used_at,
  replacedAt: row.replaced_at,
  expiresAt: row.expires_at
})

const entryOf = (
  row: TenantRow & Pick<TokenRow, "token_no" | "expires_at"> & { readonly hash: Uint8Array }
): TokenEntry => ({
  id: String(row.token_no),
  hash: row.hash,
  tenant: tenantOf(row),
  expiresAt: row.expires_at
})

const tokenTaken = new StorageError({
  operation: "createToken",
  transient: false,
  cause: new Error("another tenant has this token")
})
