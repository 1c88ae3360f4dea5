import { Effect } from "effect"
import type { SealBroken } from "../../layers/crypto/MasterKey.ts"
import type { EwsUrlNotAllowed } from "../../layers/ews/EndpointPolicy.ts"
import { Storage, type User } from "../../layers/storage/Storage.ts"
import { warnOf } from "../../layers/telemetry/TroubleLog.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { Generation } from "../../schemas/Ids.ts"
import type { StorageError } from "../../schemas/StorageError.ts"
import type { DeviceReply } from "../../schemas/SubscriptionMessage.ts"
import type { EnrolResult } from "../JobResults.ts"
import { explain, notStored, reply } from "./DeviceReplies.ts"

/** The subscription lives at Exchange, but its owner is not proven: its callbacks must be refused. */
export class Unproven {
  readonly _tag = "Unproven"
  readonly cause: EwsError
  constructor(cause: EwsError) {
    this.cause = cause
  }
}

/** The subscription lives at Exchange, and storage does not know of it. */
export class NotStored {
  readonly _tag = "NotStored"
}

/** This node is not surely the active one: Exchange was asked for nothing. */
export class NotActive {
  readonly _tag = "NotActive"
}

export type EnrolFailure =
  | EwsError
  | EwsUrlNotAllowed
  | SealBroken
  | StorageError
  | Unproven
  | NotStored
  | NotActive

/** What a failed attempt means for the actor, and for the device that asked for it. */
export const failedEnrolment =
  ({ generation, user }: { readonly user: User; readonly generation: number }) =>
  (error: EnrolFailure): Effect.Effect<EnrolResult, never, Storage> => {
    const failed = (failure: DeviceReply, more: Partial<Failed> = {}): EnrolResult => ({
      _tag: "Failed",
      generation,
      refused: false,
      rejected: false,
      ...more,
      reply: failure
    })
    const byExchange = (cause: EwsError, refused: boolean) =>
      explain(cause, (answer) => failed(answer, { refused, rejected: cause._tag === "EwsUnauthorized" }))
    const tell = () => {
      switch (error._tag) {
        case "Unproven":
          return byExchange(error.cause, true)
        case "NotStored":
          return Effect.succeed(
            failed(reply("UserSubscribedNotUpdatedInDb", "subscribed, but storing it failed; register again"))
          )
        case "StorageError":
        case "NotActive":
          return Effect.succeed(failed(notStored))
        case "SealBroken":
          return Effect.succeed(
            failed(reply("InvalidDecryptedPayload", "the user's keys are gone; get the public key again"))
          )
        case "EwsUrlNotAllowed":
          return Effect.as(
            warnOf(error, `subscribing failed: ${error.message}`),
            failed(reply("EWSUrlMismatch", error.message))
          )
        default:
          return byExchange(error, false)
      }
    }
    return mayLive(error) ? tell() : Effect.zipRight(dropPartial(user.user, generation), tell())
  }

type Failed = Extract<EnrolResult, { readonly _tag: "Failed" }>

/** Exchange may have made the subscription all the same, and its callbacks will need what is stored for it. */
const mayLive = (error: EnrolFailure): boolean =>
  error._tag === "NotStored" ||
  error._tag === "EwsTimeout" ||
  error._tag === "EwsUnusable" ||
  (error._tag === "EwsUnreachable" && error.sent)

/** What was stored of split credentials for a subscription that will never call. */
const dropPartial = (user: User["user"], generation: number) =>
  Effect.flatMap(Storage, (storage) => storage.deletePartial(user, generation as Generation)).pipe(
    Effect.ignoreLogged
  )
