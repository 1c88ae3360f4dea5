import { Effect, Option, Redacted } from "effect"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { callbackBudget } from "../../layers/ews/LogInBudget.ts"
import type { Generation, UserNumber } from "../../schemas/Ids.ts"
import { Dossiers } from "../Dossiers.ts"
import type { Command, EnrolResult } from "../SubscriptionProtocol.ts"
import { reply } from "./DeviceReplies.ts"
import { enrolJob } from "./EnrolJob.ts"

export type Renew = Extract<Command, { readonly _tag: "Renew" }>

/** Makes a new subscription with the credentials that a callback of the broken one brought. */
export const renewJob = Effect.fnUntraced(
  function* (user: UserNumber, command: Renew) {
    const dossier = Option.getOrUndefined(yield* (yield* Dossiers).of(user))
    if (dossier?.subscription === undefined) return failed(command)
    const seal = yield* CallbackSeal
    const credentials = yield* seal.open(dossier.user, command.from as Generation, Redacted.value(command.f))
    if (Option.isNone(credentials)) return failed(command)
    return yield* enrolJob({
      user: dossier.user,
      tenant: dossier.tenant,
      mailbox: dossier.subscription,
      generation: command.generation,
      credentials: credentials.value,
      budget: callbackBudget(),
      devices: dossier.devices.flatMap(({ deviceId }) => deviceId ?? []),
      tokenExpiresAt: dossier.subscription.tokenExpiresAt,
      device: undefined,
      activityId: command.activityId
    })
  },
  (job, _user, command) =>
    Effect.catchAll(job, (error) =>
      Effect.as(
        Effect.logWarning(`a broken subscription could not be renewed: ${error.message}`),
        failed(command)
      )
    )
)

const failed = ({ generation }: Renew): EnrolResult => ({
  _tag: "Failed",
  generation,
  refused: false,
  rejected: false,
  reply: reply("SubscribeAgain", "")
})
