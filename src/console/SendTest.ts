import { randomUUID } from "node:crypto"
import { Context, Effect, Layer } from "effect"
import { now } from "../../actors/Now.ts"
import { Push } from "../../layers/push/Push.ts"
import { type Device, Storage } from "../../layers/storage/Storage.ts"
import { Announcement } from "../../schemas/Announcement.ts"
import type { ItemId, UserNumber } from "../../schemas/Ids.ts"
import { effectivePolicy } from "../../schemas/MailPolicy.ts"
import { compose } from "../../schemas/Notification.ts"
import { Settings } from "../../schemas/Settings.ts"
import { problem } from "../http/console/ConsoleProblem.ts"
import { sentence, settled } from "./DeviceOutcome.ts"
import type { Subject } from "./UserAction.ts"

/** What the phone shows, where its policy shows anything of a mail. */
export const TEST_TITLE = "Test from ENS"

/** Milliseconds between two tests of a user. */
const EVERY = 10_000
const USERS_MAX = 1_000

/** When users were last tested. */
export class TestTimes extends Context.Tag("ens/TestTimes")<
  TestTimes,
  {
    /** Milliseconds until the user may be tested; 0 = from now on it has been. */
    readonly begin: (user: UserNumber, now: number) => number
  }
>() {}

export const testTimes: Layer.Layer<TestTimes> = Layer.sync(TestTimes, () => {
  const times = new Map<UserNumber, number>()
  return {
    begin: (user, now) => {
      const wait = (times.get(user) ?? Number.NEGATIVE_INFINITY) + EVERY - now
      if (wait > 0) return wait
      times.delete(user)
      times.set(user, now)
      if (times.size > USERS_MAX) times.delete(times.keys().next().value!)
      return 0
    }
  }
})

/** A notification that can be seen, to each device of the user, and what the gateway said of each. */
export const sendTest = Effect.fnUntraced(function* ({ user, userId }: Subject) {
  const at = yield* now
  const wait = (yield* TestTimes).begin(user, at)
  if (wait > 0) {
    const seconds = Math.ceil(wait / 1000)
    return yield* problem(429, `this user has just been tested; try again in ${seconds} s`, seconds)
  }
  const devices = yield* Effect.flatMap(Storage, (storage) => storage.devices(user))
  if (devices.length === 0) return { done: false, says: "The user has no device; the app has to register." }
  const { minPolicy, textNewMessage, textNewMessages } = yield* Settings
  const composing = { userId, user, minPolicy, textNewMessage, textNewMessages, now: at }
  // An id of its own each time, so that no phone takes it for one that it has.
  const mail = Announcement.NewMail({ itemId: `ens-test-${randomUUID()}` as ItemId, sender: TEST_TITLE })
  const send = (device: Device) =>
    Effect.gen(function* () {
      const notification = compose(device, mail, composing)
      if (notification === undefined) return { device, ok: false, text: NOTHING_TO_SHOW }
      const verdict = yield* (yield* Push).send({ ...notification, expiresAt: at + LIFE })
      const shown = effectivePolicy(device.policy, minPolicy) === 3 ? ` (shown as "${textNewMessage}")` : ""
      const outcome = yield* settled(user, device, verdict)
      return outcome.ok ? { ...outcome, text: outcome.text + shown } : outcome
    })
  const outcomes = yield* Effect.forEach(devices, send, { concurrency: 8 })
  return { done: outcomes.some(({ ok }) => ok), says: sentence("Test", outcomes) }
})

/** A test that comes late only confuses. Milliseconds. */
const LIFE = 10 * 60_000
const NOTHING_TO_SHOW = "not sent, its policy (4) shows nothing of a mail"
