import { Effect } from "effect"
import { type DeviceStandIn, show } from "../../src/sandbox/Device.ts"
import type { Journal } from "./Journal.ts"
import type { Person } from "./Person.ts"

/** A phone with the app. What ENS asks of it by silent push it does, unless it is one of those on which nothing happens. */
export interface Phone {
  readonly device: DeviceStandIn
  readonly person: Person
  readonly obeys: boolean
  /** When silent pushes came (ms since 1970). */
  readonly asked: Array<number>
  /** Registers until it has worked, as the app does; at most one such attempt is under way, and one more waits. */
  readonly register: (force: boolean) => Effect.Effect<void>
}

/** After 1, 5, 15 and 60 minutes the app tries again (contract section 2). */
const TRIED_AGAIN = [1, 5, 15, 60]

export const makePhone = (
  device: DeviceStandIn,
  about: {
    readonly person: Person
    readonly obeys: boolean
    readonly minute: number
    readonly journal: Journal
  }
): Phone => {
  const { journal, minute, obeys, person } = about
  const { address } = person
  let underWay = false
  let again: boolean | undefined

  const once = (forceSubscription: boolean) =>
    person.login.pipe(
      Effect.flatMap(device.setLogin),
      Effect.zipRight(device.register({ forceSubscription })),
      Effect.tap(({ responseCode, status }) => {
        journal.counts[status === 200 ? "registrations" : "registrationsFailed"] += 1
        journal.about(address, `${device.platform} registers: code ${responseCode}`)
      }),
      Effect.tapError(({ message }) => {
        journal.counts.registrationsFailed += 1
        journal.about(address, `${device.platform} registers: ${message}`)
        return Effect.void
      }),
      Effect.map(({ status }) => status === 200),
      Effect.orElseSucceed(() => false)
    )
  const persistently = (force: boolean): Effect.Effect<void> =>
    Effect.gen(function* () {
      for (let tried = 0; ; tried++) {
        if (yield* once(force)) return
        yield* Effect.sleep(minute * TRIED_AGAIN[Math.min(tried, TRIED_AGAIN.length - 1)]!)
      }
    })
  const register = (force: boolean): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (underWay) {
        again = again === true || force
        return Effect.void
      }
      underWay = true
      return persistently(force).pipe(
        Effect.flatMap(() => {
          underWay = false
          const next = again
          again = undefined
          return next === undefined ? Effect.void : register(next)
        })
      )
    })
  return { device, person, obeys, asked: [], register }
}

/** What the phone does about what it gets. */
export const receive = (phone: Phone, payload: unknown, journal: Journal): Effect.Effect<void> => {
  const { action, reason } = show(phone.device.platform, payload)
  if (action !== "resubscribe") return Effect.void
  journal.counts.silentPushes += 1
  journal.about(phone.person.address, `${phone.device.platform} is asked to register (${reason})`)
  phone.asked.push(Date.now())
  return phone.obeys ? phone.register(reason === "credentials") : Effect.void
}
