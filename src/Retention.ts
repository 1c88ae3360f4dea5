import { randomUUID } from "node:crypto"
import { Duration, Effect, Schedule } from "effect"
import { earlierNow } from "../actors/Now.ts"
import { Subscriptions } from "../actors/Subscriptions.ts"
import { Storage } from "../layers/storage/Storage.ts"
import type { ActivityId, UserNumber } from "../schemas/Ids.ts"
import { Settings } from "../schemas/Settings.ts"
import type { StorageError } from "../schemas/StorageError.ts"
import { type RemovalReason, Unregister } from "../schemas/SubscriptionMessage.ts"
import * as MassRemoval from "./MassRemoval.ts"

/**
 * Removes what the settings `ENS_RETAIN_*` call too old: devices whose app was not heard of, users whose subscription is
 * lost, dead letters and what happened to users; and, always, audit records of more than 400 days. Devices go through their user's actor, which asks itself whether the reason still holds, so that
 * whoever comes back meanwhile stays. What cannot be removed is left for the next time. Never fails; one line in the log.
 */
export const clearUp = (may: {
  readonly devices: MassRemoval.MassRemoval
  readonly lost: MassRemoval.MassRemoval
}): Effect.Effect<void, never, Settings | Storage | Subscriptions> =>
  Effect.gen(function* () {
    const { devices, events, lost } = (yield* Settings).retain
    const now = yield* earlierNow
    const counts: Counts = { devices: 0, users: 0, letters: 0, histories: 0, audits: 0, left: 0 }
    yield* rule(devices, (age) => removeUnseen(now - age, counts, may.devices))
    yield* rule(lost, (age) => removeLost(now - age, counts, may.lost))
    yield* rule(events, (age) => dropLetters(now - age, counts))
    yield* rule(events, (age) => dropHistories(now - age, counts))
    yield* rule(AUDITS_FOR, (age) => dropAudits(now - age, counts))
    const { audits, histories, left, letters, users } = counts
    yield* Effect.logInfo(
      `retention removed ${counts.devices} devices that were not seen any more, ${users} lost users, ${letters} dead letters, ${histories} histories and ${audits} audit records` +
        (left > 0 ? `; ${left} could not be removed now and are left for tomorrow` : "")
    )
  }).pipe(Effect.annotateLogs({ logger: "Retention" }))

/** To be run once a day. */
export const make = Effect.map(Effect.all({ devices: MassRemoval.make, lost: MassRemoval.make }), clearUp)

/** What was done so far; counted as it happens, because storage may fail in the middle. */
interface Counts {
  devices: number
  users: number
  letters: number
  histories: number
  audits: number
  left: number
}

/** Devices not seen since `before`, and users who have them. */
const unseen = Effect.fnUntraced(function* (before: number) {
  const storage = yield* Storage
  const found = { devices: 0, users: 0 }
  yield* eachPage(
    (after) => storage.staleDevices(before, after),
    ({ devices }) =>
      Effect.sync(() => {
        found.devices += devices.length
        found.users += new Set(devices.map(({ user }) => user)).size
      })
  )
  return found
})

const all = unseen(Number.MAX_SAFE_INTEGER)

const removeUnseen = Effect.fnUntraced(function* (
  before: number,
  counts: Counts,
  may: MassRemoval.MassRemoval
) {
  const storage = yield* Storage
  const old = (yield* unseen(before)).devices
  if (!(yield* may("devices", old, old === 0 ? 0 : (yield* all).devices))) return
  const reason = { _tag: "NotSeenSince", at: before } as const
  yield* eachPage(
    (after) => storage.staleDevices(before, after),
    ({ devices }) =>
      Effect.forEach(
        devices,
        ({ token, user }) =>
          Effect.map(remove(user, token, reason), (outcome) => {
            if (outcome === "failed") counts.left++
            if (outcome === "removed" || outcome === "gone") counts.devices++
          }),
        { discard: true }
      )
  )
})

const removeLost = Effect.fnUntraced(function* (
  before: number,
  counts: Counts,
  may: MassRemoval.MassRemoval
) {
  const storage = yield* Storage
  let old = 0
  yield* eachPage(
    (after) => storage.lostUsers(before, after),
    ({ users }) => Effect.sync(() => (old += users.length))
  )
  if (!(yield* may("users", old, old === 0 ? 0 : (yield* all).users))) return
  yield* eachPage(
    (after) => storage.lostUsers(before, after),
    ({ users }) =>
      Effect.forEach(
        users,
        Effect.fnUntraced(function* (user) {
          const devices = yield* storage.devices(user)
          let outcome: Outcome = "kept"
          for (const token of devices.length === 0 ? [""] : devices.map((device) => device.token)) {
            outcome = yield* remove(user, token, LOST)
            if (outcome === "failed") counts.left++
            if (outcome !== "removed") break
          }
          if (outcome === "gone") counts.users++
        }),
        { discard: true }
      )
  )
})

const dropLetters = Effect.fnUntraced(function* (before: number, counts: Counts) {
  counts.letters += yield* (yield* Storage).dropDeadLetters(before)
})

const dropHistories = Effect.fnUntraced(function* (before: number, counts: Counts) {
  counts.histories += yield* (yield* Storage).dropHistories(before)
})

const dropAudits = Effect.fnUntraced(function* (before: number, counts: Counts) {
  counts.audits += yield* (yield* Storage).dropAudits(before)
})

/** Who did what can still be told a year later, when auditors ask; whoever needs it longer keeps ENS_AUDIT_FILE. */
const AUDITS_FOR = Duration.toMillis("400 days")

/** `gone`: with its user, of whom it was the last. */
type Outcome = "removed" | "gone" | "kept" | "failed"

const remove = Effect.fnUntraced(function* (user: UserNumber, deviceToken: string, onlyIf: RemovalReason) {
  const activityId = randomUUID() as ActivityId
  const { ask } = yield* Subscriptions
  const outcome = yield* ask(
    user,
    new Unregister({ activityId, deviceToken, ewsUrl: undefined, onlyIf })
  ).pipe(
    Effect.map(({ code }): Outcome => OUTCOMES[code] ?? "kept"),
    Effect.catchAll((): Effect.Effect<Outcome> => Effect.succeed("failed"))
  )
  yield* Effect.sleep(PAUSE)
  return outcome
})

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  DeviceUnregistered: "removed",
  DeviceUnregisteredUserUnsubscribed: "gone",
  UpdateFail: "failed"
}
const LOST: RemovalReason = { _tag: "Lost" }

/** Reads a page at a time, and a page only when the one before it is done. */
const eachPage = Effect.fnUntraced(function* <P extends { readonly next: UserNumber | undefined }, E, R>(
  read: (after: UserNumber | undefined) => Effect.Effect<P, StorageError>,
  handle: (page: P) => Effect.Effect<void, E, R>
) {
  let after: UserNumber | undefined
  do {
    const page: P = yield* Effect.retry(read(after), AGAIN)
    yield* handle(page)
    after = page.next
    if (after !== undefined) yield* Effect.sleep(PAUSE)
  } while (after !== undefined)
})

/** A rule that is switched off does nothing; one that fails leaves the others alone. */
const rule = <R>(
  age: number | undefined,
  apply: (age: number) => Effect.Effect<void, StorageError, R>
): Effect.Effect<void, never, R> =>
  age === undefined
    ? Effect.void
    : Effect.catchAll(apply(age), (error) =>
        Effect.logWarning(`retention is left for tomorrow. ${error.message}`, error.cause)
      )

/** At most 20 removals or pages a second: nobody waits for them, and others wait for storage. */
const PAUSE = Duration.millis(50)
const AGAIN = Schedule.intersect(Schedule.spaced("1 minute"), Schedule.recurs(5))
