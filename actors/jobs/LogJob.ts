import { Effect, Option } from "effect"
import type { FaultName } from "../../schemas/Fault.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import { Dossiers } from "../Dossiers.ts"
import type { Command, LogEvent } from "../SubscriptionProtocol.ts"
import { neverCalledBackJob } from "./NeverCalledBackJob.ts"
import { reportOfUser } from "./UserTrouble.ts"

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
      return toldOf(user, event)
  }
}

const toldOf = (user: UserNumber, event: keyof typeof LEVELS) => {
  const trouble = TROUBLES.get(event)
  const line = LEVELS[event](trouble === undefined ? event : `${event}: ${trouble.what}`)
  // One user's new password is no trouble of the whole host.
  if (event === "credentials rejected") return Effect.annotateLogs(line, "fault", "exchange-log-in-refused")
  return trouble === undefined
    ? line
    : Effect.zipRight(
        Effect.annotateLogs(line, "fault", trouble.fault),
        reportOfUser(user, trouble.fault, trouble.what)
      )
}

/** What somebody can mend, as a host's trouble. */
const TROUBLES: ReadonlyMap<LogEvent, { readonly fault: FaultName; readonly what: string }> = new Map([
  [
    "silent for too long",
    {
      fault: "subscription-lost",
      what: "no callback comes any more, so Exchange has lost the subscription, or cannot reach ENS; the app is asked to register again"
    }
  ],
  [
    "given up",
    {
      fault: "subscription-lost",
      what: "no device registered again in all the time that it was asked to; the user has to open the mail app"
    }
  ],
  [
    "the Secure Email Gateway lets no device pass",
    { fault: "seg-blocks-device", what: "check its compliance in the UEM console" }
  ]
])

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
