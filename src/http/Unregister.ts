import { Effect, Option } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { requestReader, UnregisterRequest } from "../../schemas/DeviceApi.ts"
import * as Message from "../../schemas/SubscriptionMessage.ts"
import type { Endpoint } from "./Endpoint.ts"
import { USER_NOT_FOUND } from "./Envelope.ts"

/** A device wants no more notifications; with the last one the user is forgotten. */
export const unregister: Endpoint<UnregisterRequest, Storage | Subscriptions> = {
  name: "unregister",
  read: requestReader(UnregisterRequest),
  storageFailed: "UpdateFail",
  handle: ({ tenant, activityId }, { userId, deviceToken, ewsUrl }) =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const subscriptions = yield* Subscriptions
      const user = yield* storage.findUser(tenant.tenant, userId)
      if (Option.isNone(user)) return USER_NOT_FOUND
      return yield* subscriptions.ask(
        user.value.user,
        new Message.Unregister({ activityId, deviceToken, ewsUrl })
      )
    })
}
