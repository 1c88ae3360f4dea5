import { Effect, Option } from "effect"
import type { TenantNumber } from "../../../schemas/Ids.ts"
import type { ApiToken, Tenant } from "../Storage.ts"
import { attempt, type MemoryState, type StorageShape } from "./State.ts"

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

export const make = (state: MemoryState): Tenants => ({
  createToken: (token) =>
    attempt("createToken", () => {
      const hash = hexOf(token.hash)
      const known = state.tokens.find((other) => other.hash === hash)
      if (known !== undefined && known.tenant !== token.tenant)
        throw new Error("another tenant has this token")
      const tenant = state.tenants.get(token.tenant)
      state.tenants.set(token.tenant, {
        tenant: tenant?.tenant ?? (state.nextNumber() as TenantNumber),
        name: token.tenant,
        ewsUrls: [...new Set([...(tenant?.ewsUrls ?? []), ...token.ewsUrls])],
        ewsPins: [...new Set([...(tenant?.ewsPins ?? []), ...token.ewsPins])],
        seg: token.seg || tenant?.seg === true
      })
      if (known !== undefined) return apiToken(known)
      const { label, createdAt } = token
      const made = {
        id: String(state.nextNumber()),
        tenant: token.tenant,
        label,
        createdAt,
        lastUsedAt: null,
        replacedAt: null,
        expiresAt: null
      }
      state.tokens = [...state.tokens, { ...made, hash }]
      return made
    }),

  listTokens: Effect.sync(() =>
    state.tokens.map((token) => ({ ...apiToken(token), ewsUrls: state.tenants.get(token.tenant)!.ewsUrls }))
  ),

  revokeToken: (id) =>
    Effect.sync(() => {
      const before = state.tokens.length
      state.tokens = state.tokens.filter((token) => token.id !== id)
      return state.tokens.length < before
    }),

  tokenDirectory: Effect.sync(() =>
    state.tokens.map((token) => ({
      id: token.id,
      hash: new Uint8Array(Buffer.from(token.hash, "hex")),
      tenant: state.tenants.get(token.tenant)!,
      expiresAt: token.expiresAt
    }))
  ),

  tokenVersion: Effect.sync(() => {
    const ends = state.tokens.map(({ expiresAt }) => expiresAt ?? 0)
    return `${ends.length} ${state.tokens.at(-1)?.id ?? 0} ${ends.reduce((sum, end) => sum + end, 0)}`
  }),

  tenantOfToken: (hash) =>
    Effect.sync((): Option.Option<Tenant> => {
      const token = state.tokens.find((other) => other.hash === hexOf(hash))
      return Option.fromNullable(token && state.tenants.get(token.tenant))
    }),

  tenant: (tenant) =>
    Effect.sync(() =>
      Option.fromNullable([...state.tenants.values()].find((other) => other.tenant === tenant))
    )
})

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const apiToken = ({
  createdAt,
  expiresAt,
  id,
  label,
  lastUsedAt,
  replacedAt,
  tenant
}: ApiToken): ApiToken => ({
  id,
  tenant,
  label,
  createdAt,
  lastUsedAt,
  replacedAt,
  expiresAt
})
