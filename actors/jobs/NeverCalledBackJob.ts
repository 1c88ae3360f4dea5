import { Effect, Option } from "effect"
import type { UserNumber } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import { Dossiers } from "../Dossiers.ts"

/** The commonest mistake of a first set-up, so the line says whom to tell what. */
export const neverCalledBackJob = Effect.fnUntraced(
  function* (user: UserNumber) {
    const dossier = Option.getOrUndefined(yield* (yield* Dossiers).of(user))
    const { publicUrl } = yield* Settings
    const host = dossier?.subscription && new URL(dossier.subscription.ewsUrl).host
    yield* Effect.logWarning(
      `${host ?? "Exchange"} accepted a subscription and never called back; check that it reaches ${publicUrl} and trusts its certificate`,
      { user }
    )
  },
  Effect.catchAll((error) =>
    Effect.logWarning("a subscription was never called back", { reason: error.message })
  )
)
