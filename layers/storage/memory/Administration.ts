import { Effect, Option } from "effect"
import type { AdminToken } from "../Storage.ts"
import { attempt, type MemoryState, type StorageShape } from "./State.ts"

export const make = (
  state: MemoryState
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
> => ({
  createAdminToken: ({ createdAt, hash, label }) =>
    attempt("createAdminToken", () => {
      if (state.adminTokens.some((other) => other.hash === hexOf(hash)))
        throw new Error("it is there already")
      const life = { lastUsedAt: null, replacedAt: null, expiresAt: null }
      const made = { id: String(state.nextNumber()), label, createdAt, ...life }
      state.adminTokens = [...state.adminTokens, { ...made, hash: hexOf(hash) }]
      return made
    }),

  listAdminTokens: Effect.sync(() => state.adminTokens.map(plain)),

  revokeAdminToken: (id) =>
    Effect.sync(() => {
      const before = state.adminTokens.length
      state.adminTokens = state.adminTokens.filter((token) => token.id !== id)
      return state.adminTokens.length < before
    }),

  adminTokenOf: (hash) =>
    Effect.sync(() =>
      Option.map(Option.fromNullable(state.adminTokens.find((token) => token.hash === hexOf(hash))), plain)
    ),

  adminTokenHashes: Effect.sync(() =>
    state.adminTokens.map(({ expiresAt, hash }) => ({ hash: Buffer.from(hash, "hex"), expiresAt }))
  ),

  addAudit: (record) =>
    Effect.sync(() => {
      state.audits = [...state.audits, record]
    }),

  audits: (limit) => Effect.sync(() => state.audits.toReversed().slice(0, limit)),

  dropAudits: (before) =>
    Effect.sync(() => {
      const all = state.audits.length
      state.audits = state.audits.filter(({ at }) => at >= before)
      return all - state.audits.length
    })
})

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const plain = ({ createdAt, expiresAt, id, label, lastUsedAt, replacedAt }: AdminToken): AdminToken => ({
  id,
  label,
  createdAt,
  lastUsedAt,
  replacedAt,
  expiresAt
})
