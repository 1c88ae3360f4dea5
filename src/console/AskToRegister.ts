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
export const askToRegister = Effect.fnUntraced(function* (subject: Subject) {
  const { user } = subject
  const push = yield* Push
  // The actors count the same budget, from what they remember.
  const { changed } = yield* DossierChanges
  const asking = Effect.gen(function* () {
    const all = yield* counted(subject)
    return yield* Effect.forEach(all, ({ device, notification, text }) =>
      notification === undefined
        ? Effect.succeed({ device, ok: false, text })
        : Effect.flatMap(push.send(notification), (verdict) => settled(user, device, verdict))
    )
  })
  const outcomes = yield* Effect.ensuring(asking, changed(user))
  if (outcomes.length === 0) return { done: false, says: "The user has no device that could be asked." }
  return { done: outcomes.some(({ ok }) => ok), says: sentence("Asked to register", outcomes) }
})

/**
 * What each device is to be sent, or why nothing. Counted before it is sent: a crash in between costs one silent push, not
 * the budget.
 */
const counted = ({ user, userId }: Subject) =>
  oneByOne(
    Effect.gen(function* () {
      const storage = yield* Storage
      const at = yield* now
      const { minPolicy, textNewMessage, textNewMessages } = yield* Settings
      const composing = { userId, user, minPolicy, textNewMessage, textNewMessages, now: at }
      const count = (device: Device) =>
        Effect.gen(function* () {
          const not = (text: string) => ({ device, notification: undefined, text })
          const nudgedAt = device.nudgedAt.filter((time) => time <= at && at - time < BUDGET_PER)
          if (nudgedAt.length >= BUDGET) {
            const minutes = Math.ceil((Math.min(...nudgedAt) + BUDGET_PER - at) / 60_000)
            return not(`asked twice within the hour, again in ${minutes} min`)
          }
          const notification = compose(device, Announcement.Resubscribe({ reason: "overdue" }), composing)
          if (notification === undefined) return not("cannot be asked")
          yield* storage.saveNudged(user, device.device, [...nudgedAt, at])
          return { device, notification, text: "" }
        })
      return yield* Effect.forEach(yield* storage.devices(user), count)
    })
  )

/** Who asks at the same moment would read the same budget. */
const oneByOne = Effect.unsafeMakeSemaphore(1).withPermits(1)
