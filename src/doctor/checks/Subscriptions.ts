import { Effect } from "effect"
import type { Storage, StoredLink } from "../../../layers/storage/Storage.ts"
import type { UserNumber } from "../../../schemas/Ids.ts"
import type { StorageError } from "../../../schemas/StorageError.ts"
import type { Check } from "../Check.ts"
import { failed, faulty, ok, skipped } from "../Finding.ts"
import { Patient } from "../Patient.ts"

/** How many users are in which state, as storage has it; never who. */
export const subscriptions: Check = {
  name: "subscriptions",
  within: 60,
  network: false,
  run: (tell) =>
    Effect.gen(function* () {
      const found = yield* (yield* Patient).storage
      if (found._tag !== "Opened") return tell(skipped("subscriptions", "they are in the database"))
      const counts = yield* countLinks(found.storage)
      if (counts.size === 0) return tell(ok("subscriptions", "none yet; phones make them when they register"))
      tell(ok("subscriptions", [...counts].map(([link, count]) => `${count} ${link}`).join(", ")))
      const users = (link: StoredLink) => {
        const count = counts.get(link) ?? 0
        return count === 1 ? "1 user" : `${count} users`
      }
      if (counts.has("Lost")) {
        tell(faulty("subscriptions", "subscription-lost", `${users("Lost")} did not register for 14 days`))
      }
      if (counts.has("CredentialsRejected")) {
        tell(faulty("subscriptions", "exchange-log-in-refused", users("CredentialsRejected")))
      }
      if (counts.has("Blocked")) tell(faulty("subscriptions", "seg-blocks-device", users("Blocked")))
      if (counts.has("Parked")) {
        tell(
          failed(
            "subscriptions",
            `${users("Parked")} could not be served because of an error`,
            "see the service's log for level error"
          )
        )
      }
    })
}

const countLinks = (storage: Storage["Type"]): Effect.Effect<ReadonlyMap<StoredLink, number>, StorageError> =>
  Effect.gen(function* () {
    const counts = new Map<StoredLink, number>()
    let after: UserNumber | undefined
    do {
      const { next, rows }: { next: UserNumber | undefined; rows: ReadonlyArray<{ link: StoredLink }> } =
        yield* storage.subscriptions(after, PAGE)
      for (const { link } of rows) counts.set(link, (counts.get(link) ?? 0) + 1)
      after = next
    } while (after !== undefined)
    return counts
  })

const PAGE = 1_000
