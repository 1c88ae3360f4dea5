import { Clock, Duration, Effect, Option } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { GetSubscriptionStatusRequest, requestReader } from "../../schemas/DeviceApi.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import { GetStatus } from "../../schemas/SubscriptionMessage.ts"
import type { Endpoint } from "./Endpoint.ts"
import { USER_NOT_FOUND } from "./Envelope.ts"

/** Tells a device whether it should register. */
export const getSubscriptionStatus: Endpoint<GetSubscriptionStatusRequest, Storage | Subscriptions> = {
  name: "getsubscriptionstatus",
  read: requestReader(GetSubscriptionStatusRequest),
  storageFailed: "UpdateFail",
  handle: ({ tenant, activityId }, { userId, deviceToken }) =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const subscriptions = yield* Subscriptions
      const user = yield* storage.findUser(tenant.tenant, userId)
      if (Option.isNone(user)) return USER_NOT_FOUND
      const reply = yield* subscriptions.ask(user.value.user, new GetStatus({ activityId, deviceToken }))
      if (deviceToken !== undefined) yield* noteSeen(user.value.user, deviceToken)
      return reply
    })
}

/** Keeps the device from being cleared up as one that is not used any more. Written once a day; never fails. */
const noteSeen = (user: UserNumber, token: string) =>
  Effect.gen(function* () {
    const storage = yield* Storage
    const now = yield* Clock.currentTimeMillis
    const device = (yield* storage.devices(user)).find((one) => one.token === token)
    if (device !== undefined && now - device.seenAt >= NOTED_EVERY) yield* storage.saveSeen(user, token, now)
  }).pipe(Effect.timeout(NOTED_WITHIN), Effect.ignore)

const NOTED_EVERY = Duration.toMillis("1 day")
/** The device waits for its answer meanwhile. */
const NOTED_WITHIN = "2 seconds"
