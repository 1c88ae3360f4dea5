import { Effect } from "effect"
import type { Check } from "../Check.ts"
import { faulty, ok, skipped } from "../Finding.ts"
import { Patient } from "../Patient.ts"

/** RSA keys that wait for new users. */
export const keyPool: Check = {
  name: "key pool",
  within: 15,
  network: false,
  run: (tell) =>
    Effect.gen(function* () {
      const { node, settings, storage } = yield* Patient
      const found = yield* storage
      if (found._tag !== "Opened") return tell(skipped("key pool", "it is in the database"))
      const keys = yield* found.storage.countPoolKeys
      const { batch, threshold } = settings.keyPool
      if (keys > 0) return tell(ok("key pool", `${keys} keys wait; below ${threshold} more are made`))
      const { rows } = yield* found.storage.subscriptions(undefined, 1)
      // A service fills it in its first minutes.
      if ((yield* node) === undefined && rows.length === 0) {
        return tell(skipped("key pool", `it is empty; the service makes ${batch} keys when it starts`))
      }
      tell(faulty("key pool", "key-pool-empty", "0 keys wait"))
    })
}
