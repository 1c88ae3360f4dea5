import { Effect } from "effect"
import { makeDevice } from "../../src/sandbox/Device.ts"
import type { ExchangeStandIn } from "../../src/sandbox/Exchange.ts"
import type { Installation } from "../support/Installation.ts"
import type { Journal } from "./Journal.ts"
import type { ChaosOptions } from "./Options.ts"
import { makePerson, type Person } from "./Person.ts"
import { makePhone } from "./Phone.ts"
import type { Random } from "./Random.ts"

interface Place {
  readonly apiToken: string
  readonly exchange: ExchangeStandIn
  readonly installed: Installation
  readonly journal: Journal
  readonly options: ChaosOptions
  readonly random: Random
}

/** Of ten phones, three do nothing when a silent push comes. */
const OBEDIENT = 0.7
/** Of ten people, six have two phones. */
const TWO_PHONES = 0.6
const AT_ONCE = 16

/** The people, with mailboxes; nobody is registered yet. */
export const populate = (place: Place): Effect.Effect<ReadonlyArray<Person>> =>
  Effect.forEach(
    Array.from({ length: place.options.users }, (_, index) => index),
    (index) => settle(place, index)
  )

const settle = ({ apiToken, exchange, installed, journal, options, random }: Place, index: number) =>
  Effect.gen(function* () {
    const person = yield* makePerson(exchange, index, random)
    const login = yield* person.login
    const { address } = person
    const platforms = random
      .shuffled(["iOS", "Android"] as const)
      .slice(0, random.happens(TWO_PHONES) ? 2 : 1)
    for (const platform of platforms) {
      const obeys = random.happens(OBEDIENT)
      const { baseUrl } = installed
      const device = yield* makeDevice({ baseUrl, apiToken, address, login, platform, ewsUrl: exchange.url })
      person.phones.push(makePhone(device, { person, obeys, minute: options.minute, journal }))
      journal.devices.push({ token: device.token(), address, obeys })
    }
    return person
  })

/** Everybody starts the app for the first time. */
export const registerAll = (people: ReadonlyArray<Person>): Effect.Effect<void> =>
  Effect.forEach(
    people,
    ({ phones }) => Effect.forEach(phones, (phone) => phone.register(false), { discard: true }),
    { concurrency: AT_ONCE, discard: true }
  )
