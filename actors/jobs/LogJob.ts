import { Effect, Option } from "effect"
import type { UserNumber } from "../../schemas/Ids.ts"
import { Dossiers } from "../Dossiers.ts"
import type { Command, LogEvent } from "../SubscriptionProtocol.ts"
import { neverCalledBackJob } from "./NeverCalledBackJob.ts"

export type Log = Extract<Command, { readonly _tag: "Log" }>

/** Says what the core wants known. Where ENS2 had a line for it the wording is kept: administrators search for it. */
export const logJob = (user: UserNumber, { event, subscriptionId }: Log) => {
  switch (event) {
    case "never called back":
      return neverCalledBackJob(user)
    case "callback of an old subscription":
      return Effect.flatMap(userIdOf(user), (userId) =>
        Effect.logInfo(
          `[${subscriptionId ?? ""}] is old subscription for user ${userId}, sending unsubscribe response`
        )
      )
    default:
      return LEVELS[event](event)
  }
}

const userIdOf = (user: UserNumber) =>
  Effect.flatMap(Dossiers, (dossiers) => dossiers.of(user)).pipe(
    Effect.map(Option.match({ onNone: () => "", onSome: (dossier) => dossier.user.userId })),
    Effect.orElseSucceed(() => "")
  )

const LEVELS: Readonly<
  Record<
    Exclude<LogEvent, "never called back" | "callback of an old subscription">,
    (message: string) => Effect.Effect<void>
  >
> = {
  "callback of a subscription whose proof failed": Effect.logInfo,
  "adopted a subscription that storage did not know": Effect.logWarning,
  "events may have been missed": Effect.logDebug,
  "Exchange reports the subscription broken": Effect.logWarning,
  "silent for too long": Effect.logInfo,
  "heard again": Effect.logInfo,
  "credentials rejected": Effect.logWarning,
  "credentials expired": Effect.logWarning,
  "given up": Effect.logWarning,
  "acknowledged a callback that always crashes": Effect.logError,
  "the Secure Email Gateway lets no device pass": Effect.logWarning,
  "the Secure Email Gateway lets devices pass again": Effect.logInfo,
  "the subscription was made with other settings than now and is renewed": Effect.logInfo,
  "the key that seals the credentials is old; it is replaced, and the subscription renewed": Effect.logInfo
}
