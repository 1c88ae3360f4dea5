import { Effect, Option } from "effect"
import type { NextToken, TokenLife, TokenUse } from "../Storage.ts"
import { attempt, type MemoryState, type StorageShape } from "./State.ts"

export const make = (
  state: MemoryState
): Pick<
  StorageShape,
  "rotateToken" | "rotateAdminToken" | "noteTokenUses" | "noteAdminTokenUses" | "dropEndedTokens"
> => ({
  rotateToken: (id, next) =>
    attempt("rotateToken", () => {
      const done = rotated(state, state.tokens, id, next)
      if (done === undefined) return Option.none()
      state.tokens = done.all
      const { hash, ...made } = done.made
      return Option.some({ made, expiresAt: done.expiresAt })
    }),

  rotateAdminToken: (id, next) =>
    attempt("rotateAdminToken", () => {
      const done = rotated(state, state.adminTokens, id, next)
      if (done === undefined) return Option.none()
      state.adminTokens = done.all
      const { hash, ...made } = done.made
      return Option.some({ made, expiresAt: done.expiresAt })
    }),

  noteTokenUses: (uses) =>
    Effect.sync(() => {
      state.tokens = noted(state.tokens, uses)
    }),

  noteAdminTokenUses: (uses) =>
    Effect.sync(() => {
      state.adminTokens = noted(state.adminTokens, uses)
    }),

  dropEndedTokens: (before) =>
    Effect.sync(() => {
      const stays = ({ expiresAt }: TokenLife) => expiresAt === null || expiresAt >= before
      const count = state.tokens.length + state.adminTokens.length
      state.tokens = state.tokens.filter(stays)
      state.adminTokens = state.adminTokens.filter(stays)
      return count - state.tokens.length - state.adminTokens.length
    })
})

interface Held extends TokenLife {
  readonly id: string
  readonly hash: string
  readonly createdAt: number
}

const rotated = <T extends Held>(
  state: MemoryState,
  tokens: ReadonlyArray<T>,
  id: string,
  next: NextToken
): { readonly all: ReadonlyArray<T>; readonly made: T; readonly expiresAt: number } | undefined => {
  const former = tokens.find((token) => token.id === id)
  const end = former?.expiresAt ?? Number.POSITIVE_INFINITY
  if (former === undefined || end <= next.createdAt) return undefined
  const hash = Buffer.from(next.hash).toString("hex")
  if (tokens.some((token) => token.hash === hash)) throw new Error("it is there already")
  const expiresAt = Math.min(end, next.until)
  const { createdAt } = next
  const replacedAt = former.replacedAt ?? createdAt
  const made = {
    ...former,
    id: String(state.nextNumber()),
    hash,
    createdAt,
    lastUsedAt: null,
    replacedAt: null,
    expiresAt: null
  }
  return {
    all: [...tokens.map((token) => (token === former ? { ...token, replacedAt, expiresAt } : token)), made],
    made,
    expiresAt
  }
}

const noted = <T extends Held>(tokens: ReadonlyArray<T>, uses: ReadonlyArray<TokenUse>): ReadonlyArray<T> =>
  tokens.map((token) => {
    const at = uses.find(({ id }) => id === token.id)?.at
    return at === undefined || (token.lastUsedAt ?? 0) >= at ? token : { ...token, lastUsedAt: at }
  })
