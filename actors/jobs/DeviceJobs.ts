import { Effect, Option } from "effect"
import { Storage } from "../../layers/storage/Storage.ts"
import { UNKNOWN_DEVICE } from "../../schemas/History.ts"
import type { DeviceNumber, UserNumber } from "../../schemas/Ids.ts"
import type { Unregister, UpdateDeviceToken } from "../../schemas/SubscriptionMessage.ts"
import { changing, Dossiers } from "../Dossiers.ts"
import { History } from "../History.ts"
import type { DeskResult } from "../JobResults.ts"
import { now } from "../Now.ts"
import { reply } from "./DeviceReplies.ts"

/** Removes a device; with the last one the user goes, and with the keys every callback URL becomes useless. */
export const unregisterJob = Effect.fnUntraced(
  function* (user: UserNumber, request: Unregister) {
    const storage = yield* Storage
    const devices = yield* storage.devices(user)
    const device = devices.find((other) => other.token === request.deviceToken)
    const deviceless = devices.length === 0 && request.onlyIf?._tag === "Lost"
    if (device === undefined && !deviceless) return answer("DeviceNotRegistered", "no such device")
    if (request.onlyIf?._tag === "NotSeenSince" && device && device.seenAt >= request.onlyIf.at) {
      return answer("UserAlreadySubscribed", "the device has been seen")
    }
    if (request.ewsUrl !== undefined) yield* compareUrls(user, request.ewsUrl)
    // Counted there and then: another device may have gone meanwhile, its token dead.
    const gone = yield* Effect.zipRight(
      device === undefined ? Effect.void : storage.deleteDevice(user, device),
      storage.deleteUserWithoutDevices(user)
    ).pipe(changing(user))
    if (!gone) {
      const why = request.onlyIf === undefined ? "it has unregistered" : "it was not heard of any more"
      if (device) (yield* History).note(user, "device", `device ${device.device} is removed: ${why}`)
      return answer("DeviceUnregistered", "")
    }
    return { _tag: "Gone", reply: reply("DeviceUnregisteredUserUnsubscribed", "") } satisfies DeskResult
  },
  Effect.catchAll(() => Effect.succeed(storageTrouble))
)

export const updateTokenJob = Effect.fnUntraced(
  function* (user: UserNumber, request: UpdateDeviceToken) {
    const replaced = yield* (yield* Storage)
      .replaceDeviceToken(user, request.oldToken, request.newToken, yield* now)
      .pipe(changing(user))
    const outcome = replaced ? "a device has a new push token" : UNKNOWN_DEVICE
    ;(yield* History).note(user, "device", outcome)
    return replaced
      ? answer("UpdateSuccess", "")
      : answer("TokenDoesNotExist", "no device of this user has the old token; register")
  },
  Effect.catchAll(() => Effect.succeed(storageTrouble))
)

/** The user's device with this token, false if there is none; undefined while storage cannot say. */
export const lookJob = (
  user: UserNumber,
  token: string
): Effect.Effect<DeviceNumber | false | undefined, never, Dossiers> =>
  Effect.flatMap(Dossiers, (dossiers) => dossiers.of(user)).pipe(
    Effect.map(
      Option.match({
        onNone: () => false as const,
        onSome: ({ devices }) => devices.find((device) => device.token === token)?.device ?? false
      })
    ),
    Effect.orElseSucceed(() => undefined)
  )

const compareUrls = Effect.fnUntraced(function* (user: UserNumber, named: string) {
  const row = yield* (yield* Storage).subscription(user)
  if (Option.isSome(row) && row.value.ewsUrl !== named) {
    yield* Effect.logInfo(
      "unregister names another EWS URL than the stored one; the device goes all the same"
    )
  }
})

const answer = (...given: Parameters<typeof reply>): DeskResult => ({
  _tag: "Answer",
  reply: reply(...given),
  proven: undefined
})

const storageTrouble = answer("UpdateFail", "storage is not available; try again", {
  status: 503,
  retryAfterSeconds: 60
})
