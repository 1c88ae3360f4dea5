import { Effect } from "effect"
import { warnOf } from "../../layers/telemetry/TroubleLog.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { ResponseName } from "../../schemas/ResponseCode.ts"
import type { DeviceReply } from "../../schemas/SubscriptionMessage.ts"

/** What devices are told, by name of the response code. */
export const reply = (code: ResponseName, message: string, more: Partial<DeviceReply> = {}): DeviceReply => ({
  code,
  message,
  ...more
})

export const notStored: DeviceReply = reply(
  "ErrorSubscribeOrUpdateDb",
  "storing the user failed; try again",
  {
    retryAfterSeconds: 60
  }
)

/** One text for every proof that fails, so that nobody learns whose mailbox exists (contract section 2, code 14). */
const proofFailed: DeviceReply = reply(
  "SubscribeAgain",
  "Exchange did not accept these credentials for this mailbox; check address, user name and password, and that EWS is allowed for the user"
)

/** What a device is told when Exchange does not do what is asked. */
export const explain = <A>(error: EwsError, then: (reply: DeviceReply) => A): Effect.Effect<A> =>
  Effect.as(warnOf(error, `subscribing failed: ${error.message}`), then(replyTo(error)))

const replyTo = (error: EwsError): DeviceReply => {
  switch (error._tag) {
    case "EwsUnauthorized":
    case "EwsForbidden":
      return proofFailed
    case "EwsRefused":
      return OF_THE_CALLER.has(error.responseCode) ? proofFailed : reply("SubscribeAgain", error.message)
    case "EwsBlocked":
      // Compliance comes back when the device has checked in.
      return reply("SubscribeAgain", error.message, { retryAfterSeconds: 15 * 60 })
    case "EwsBusy":
      return reply("SubscribeAgain", error.message, {
        retryAfterSeconds: error.retryAfter > 0 ? Math.ceil(error.retryAfter / 1000) : 60
      })
    default:
      return reply("SubscribeAgain", error.message, { retryAfterSeconds: 60 })
  }
}

/** Refusals that say something about mailbox or caller. */
const OF_THE_CALLER: ReadonlySet<string> = new Set([
  "ErrorAccessDenied",
  "ErrorNonExistentMailbox",
  "ErrorSubscriptionDelegateAccessNotSupported",
  "ErrorImpersonateUserDenied",
  "ErrorItemNotFound",
  "ErrorFolderNotFound",
  "ErrorPasswordExpired",
  "ErrorAccountDisabled"
])
