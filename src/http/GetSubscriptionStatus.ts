import { Effect, Option } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { GetSubscriptionStatusRequest, requestReader } from "../../schemas/DeviceApi.ts"
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
      return Option.isNone(user)
        ? USER_NOT_FOUND
        : yield* subscriptions.ask(user.value.user, new GetStatus({ activityId, deviceToken }))
    })
}
