import { Effect } from "effect"
import type { Storage } from "../../layers/storage/Storage.ts"
import { StorageError } from "../../schemas/StorageError.ts"
import type { StorageOperation } from "./FaultyStorage.ts"
import type { ScriptedOwnership } from "./ScriptedOwnership.ts"

/** What only reads. */
const READS: ReadonlySet<string> = new Set<StorageOperation>([
  "ping",
  "findMeta",
  "listTokens",
  "tokenDirectory",
  "tokenVersion",
  "tenantOfToken",
  "tenant",
  "countPoolKeys",
  "findUser",
  "user",
  "dossier",
  "formerKeys",
  "wrappedKeys",
  "subscription",
  "subscriptions",
  "partial",
  "devices",
  "outboxOf",
  "outboxUsers",
  "outboxSize",
  "staleDevices",
  "lostUsers",
  "deadLetters"
])

/** Storage as a node sees it: it takes no write of one that has no tenure. */
export const fencedStorage = (
  storage: Storage["Type"],
  { refused, service }: ScriptedOwnership
): Storage["Type"] => {
  const fenced = (operation: string, write: Effect.Effect<unknown, StorageError>) =>
    Effect.suspend(() => {
      if (service.epoch() !== 0) return write
      refused.push(operation)
      return Effect.fail(new StorageError({ operation, transient: true, cause: new Error("no tenure") }))
    })
  return Object.fromEntries(
    Object.entries(storage).map(([name, member]) => {
      if (READS.has(name) || name === "location") return [name, member]
      if (Effect.isEffect(member)) return [name, fenced(name, member as Effect.Effect<unknown, StorageError>)]
      const method = member as (...parameters: ReadonlyArray<unknown>) => Effect.Effect<unknown, StorageError>
      return [
        name,
        (...parameters: ReadonlyArray<unknown>) =>
          fenced(
            name,
            Effect.suspend(() => method(...parameters))
          )
      ]
    })
  ) as Storage["Type"]
}
