import { Effect, Option } from "effect"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import { makeSealKey } from "../../layers/crypto/UserKeyring.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import { changing } from "../Dossiers.ts"
import { timerActivity } from "../TimerActivity.ts"

/** A lost user's callback URLs must open nothing any more: the keys that they are sealed with are replaced. */
export const retireKeysJob = Effect.fnUntraced(
  function* (user: UserNumber) {
    const storage = yield* Storage
    const row = yield* storage.user(user)
    if (Option.isNone(row)) return
    const fresh = makeSealKey(yield* MasterKey, row.value)
    const retired = yield* storage.retireKeys(user, fresh).pipe(changing(user))
    if (!retired) yield* Effect.logInfo("a user thought lost has registered meanwhile; the keys stay")
  },
  Effect.catchAll((error) =>
    Effect.logError("the keys of a lost user could not be destroyed", { reason: error.message })
  ),
  (work, user) => timerActivity(user)(work)
)
