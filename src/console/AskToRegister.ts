import { Effect } from "effect"
import { DossierChanges } from "../../actors/DossierChanges.ts"
import { now } from "../../actors/Now.ts"
import { Push } from "../../layers/push/Push.ts"
import { type Device, Storage } from "../../layers/storage/Storage.ts"
import { Announcement } from "../../schemas/Announcement.ts"
import { compose } from "../../schemas/Notification.ts"
import { Settings } from "../../schemas/Settings.ts"
import { sentence, settled } from "./DeviceOutcome.ts"
import type { Subject } from "./UserAction.ts"

/** Contract section 4: silent pushes at most twice an hour to a device. */
const BUDGET = 2
const BUDGET_PER = 60 * 60_000

/** A silent push to each device that asks its app to register now, within the budget that these have anyway. */
export const askToRegister = Effect.fnUntraced(function* ({ user, userId }: Subject) {
  const storage = yield* Storage
  const at = yield* now
  const devices = yield* storage.devices(user)
  if (devices.length === 0) return { done: false, says: "The user has no device that could be asked." }
  const { minPolicy, textNewMessage, textNewMessages } = yield* Settings
  const composing = { userId, user, minPolicy, textNewMessage, textNewMessages, now: at }
  const ask = (device: Device) =>
    Effect.gen(function* () {
      const nudgedAt = device.nudgedAt.filter((time) => time <= at && at - time < BUDGET_PER)
      if (nudgedAt.length >= BUDGET) {
        const minutes = Math.ceil((Math.min(...nudgedAt) + BUDGET_PER - at) / 60_000)
        return { device, ok: false, text: `asked twice within the hour, again in ${minutes} min` }
      }
      const notification = compose(device, Announcement.Resubscribe({ reason: "overdue" }), composing)
      if (notification === undefined) return { device, ok: false, text: "cannot be asked" }
      // Counted before it is sent: a crash in between costs one silent push, not the budget.
      yield* storage.saveNudged(user, device.device, [...nudgedAt, at])
      return yield* settled(user, device, yield* (yield* Push).send(notification))
    })
  // The actors count the same budget, from what they remember.
  const { changed } = yield* DossierChanges
  const outcomes = yield* Effect.ensuring(Effect.forEach(devices, ask), changed(user))
  return { done: outcomes.some(({ ok }) => ok), says: sentence("Asked to register", outcomes) }
})
