import { Effect, Option } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { requestReader, UpdateDeviceTokenRequest } from "../../schemas/DeviceApi.ts"
import * as Message from "../../schemas/SubscriptionMessage.ts"
import type { Endpoint } from "./Endpoint.ts"
import type { Answer } from "./Envelope.ts"

/** The push service gave the app another token. */
export const updateDeviceToken: Endpoint<UpdateDeviceTokenRequest, Storage | Subscriptions> = {
  name: "updatedevicetoken",
  read: requestReader(UpdateDeviceTokenRequest),
  storageFailed: "UpdateFail",
  handle: ({ tenant, activityId }, { userId, oldDeviceToken, newDeviceToken }) =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const subscriptions = yield* Subscriptions
      const user = yield* storage.findUser(tenant.tenant, userId)
      if (Option.isNone(user)) return NO_RECORD
      const reply: Answer = yield* subscriptions.ask(
        user.value.user,
        new Message.UpdateDeviceToken({ activityId, oldToken: oldDeviceToken, newToken: newDeviceToken })
      )
      // Unregistered while this waited.
      return reply.code === "UserSubscriptionNotFound" ? NO_RECORD : reply
    })
}

const NO_RECORD: Answer = {
  code: "NoRecordExists",
  message: "this user is not registered; register the device"
}
