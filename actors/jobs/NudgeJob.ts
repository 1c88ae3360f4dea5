import { Effect, Option } from "effect"
import { Push } from "../../layers/push/Push.ts"
import { type Device, type OutboxEntry, Storage } from "../../layers/storage/Storage.ts"
import { Announcement } from "../../schemas/Announcement.ts"
import type { ItemId, UserNumber } from "../../schemas/Ids.ts"
import { compose } from "../../schemas/Notification.ts"
import { isFinal } from "../../schemas/Push.ts"
import { Settings } from "../../schemas/Settings.ts"
import { Dossiers } from "../Dossiers.ts"
import { History } from "../History.ts"
import { now } from "../Now.ts"
import type { Asking } from "../SubscriptionProtocol.ts"
import { timerActivity } from "../TimerActivity.ts"
import { removeDeadDevices } from "./DeadDevices.ts"
import { outcomeOf } from "./MailOutcome.ts"

/** Apple wakes an app for 2–3 silent pushes an hour; ours are at most two per device. */
const BUDGET = 2
const BUDGET_PER = 60 * 60_000

/**
 * A silent push to each device of the user that asks the app to register, but for those that have got one since `since`
 * (milliseconds since 1970). What no gateway takes waits in the outbox.
 */
export const nudgeJob = Effect.fnUntraced(
  function* (user: UserNumber, reason: Asking, since: number) {
    const dossier = Option.getOrUndefined(yield* (yield* Dossiers).of(user))
    if (dossier === undefined) return
    const at = yield* now
    const unasked = dossier.devices.filter(
      ({ nudgedAt }) => !nudgedAt.some((time) => time >= since && time <= at)
    )
    const nudged = yield* Effect.forEach(unasked, nudgeDevice(user, dossier.user.userId, reason, at))
    const sent = nudged.filter((one) => one !== undefined)
    const outcome = outcomeOf(sent)
    const why = reason === "overdue" ? "Exchange is silent" : "new credentials are needed"
    if (outcome !== "") (yield* History).note(user, "nudge", `${why}; ${outcome}`)
    yield* removeDeadDevices(user, sent)
    const entries = sent
      .filter(({ verdict }) => !isFinal(verdict))
      .map(({ device }) => waitingNudge(user, device, at))
    if (entries.length > 0) yield* (yield* Storage).addOutbox(entries)
    yield* (yield* Dossiers).forget(user)
  },
  Effect.catchAll((error) => Effect.logWarning("a silent push could not be sent", { reason: error.message })),
  (work, user) => timerActivity(user)(work)
)

const nudgeDevice =
  (user: UserNumber, userId: Parameters<typeof compose>[2]["userId"], reason: Asking, at: number) =>
  (device: Device) =>
    Effect.gen(function* () {
      // Those that lie ahead were noted by a clock that was wrong; they would keep the device from being asked until then.
      const nudgedAt = device.nudgedAt.filter((time) => time <= at && at - time < BUDGET_PER)
      if (nudgedAt.length >= BUDGET) return undefined
      const { minPolicy, textNewMessage, textNewMessages } = yield* Settings
      const composing = { userId, user, minPolicy, textNewMessage, textNewMessages, now: at }
      const notification = compose(device, Announcement.Resubscribe({ reason }), composing)
      if (notification === undefined) return undefined
      // Counted before it is sent: a crash in between costs one nudge, not the budget.
      yield* (yield* Storage).saveNudged(user, device.device, [...nudgedAt, at])
      const verdict = yield* (yield* Push).send(notification)
      return { device, notification, verdict, postponed: false }
    })

const waitingNudge = (user: UserNumber, { device }: Device, queuedAt: number): OutboxEntry => ({
  user,
  device,
  kind: "resubscribe",
  itemId: "" as ItemId,
  queuedAt
})
