import { randomUUID } from "node:crypto"
import { Effect, Option } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { ActivityId } from "../../schemas/Ids.ts"
import { type RemovalReason, Unregister } from "../../schemas/SubscriptionMessage.ts"
import { problem } from "../http/console/ConsoleProblem.ts"
import type { Subject } from "./UserAction.ts"

/**
 * Unregisters all devices, as their apps would do it, so that the actor ends and the user goes with keys and ciphertexts.
 * Devices that register meanwhile stay.
 */
export const forgetUser = Effect.fnUntraced(function* ({ user }: Subject) {
  const storage = yield* Storage
  const subscriptions = yield* Subscriptions
  const activityId = randomUUID() as ActivityId
  const devices = yield* storage.devices(user)
  const unregister = (deviceToken: string, onlyIf?: RemovalReason) =>
    subscriptions
      .ask(user, new Unregister({ activityId, deviceToken, ewsUrl: undefined, ...(onlyIf && { onlyIf }) }))
      .pipe(Effect.catchTag("Unavailable", ({ message }) => problem(503, message, 10)))
  for (const { token } of devices) yield* unregister(token)
  if (devices.length === 0) {
    const row = yield* storage.subscription(user)
    // Without a subscription there is no actor to go through: such a user only asked for a public key.
    yield* Option.isNone(row) ? storage.deleteUserWithoutDevices(user) : unregister("", { _tag: "Lost" })
  }
  const isGone = Option.isNone(yield* storage.user(user))
  const removed = devices.length === 1 ? "1 device is" : `${devices.length} devices are`
  if (isGone) {
    return {
      done: true,
      says: `Forgotten: ${removed} unregistered; the user's keys are destroyed, so that all callback URLs are useless.`
    }
  }
  return {
    done: false,
    says:
      devices.length === 0
        ? "The user has no device left, and goes when Exchange calls next."
        : `${removed} unregistered, but the user is still there: a device registered meanwhile, or storage failed; try again.`
  }
})
