import { randomUUID } from "node:crypto"
import { Effect, FiberRef, HashMap, Option } from "effect"
import type { UserId, UserNumber } from "../../schemas/Ids.ts"
import type { StorageError } from "../../schemas/StorageError.ts"
import type { Dossier, Dossiers } from "../Dossiers.ts"

/**
 * The user's dossier; from then on the fiber's log lines name the hashed user and the activity. What no request caused is an
 * activity of its own. For jobs, which have their fiber to themselves, so that nothing need be put back behind them.
 */
export const namedDossier = (
  dossiers: Dossiers["Type"],
  user: UserNumber,
  activityId: string | undefined
): Effect.Effect<Dossier | undefined, StorageError> =>
  Effect.matchEffect(dossiers.of(user), {
    onFailure: (error) => Effect.zipRight(name(user, activityId, undefined), Effect.fail(error)),
    onSuccess: (found) => {
      const dossier = Option.getOrUndefined(found)
      return Effect.as(name(user, activityId, dossier?.user.userId), dossier)
    }
  })

const name = (user: UserNumber, activityId: string | undefined, userId: UserId | undefined) => {
  const known = HashMap.make<[string, unknown][]>(["user", user], ["activityId", activityId ?? randomUUID()])
  const names = userId === undefined ? known : HashMap.set(known, "userId", userId)
  return FiberRef.set(FiberRef.currentLogAnnotations, names)
}
