import { randomBytes } from "node:crypto"
import { Effect } from "effect"
import type { DeviceLogin } from "../../src/sandbox/Device.ts"
import type { ExchangeStandIn } from "../../src/sandbox/Exchange.ts"
import type { Phone } from "./Phone.ts"
import type { Random } from "./Random.ts"

/** A user: a mailbox, a way to log in, one or two phones. */
export interface Person {
  readonly address: string
  readonly usesTokens: boolean
  /** With what the phones log in now; apps see to it that their access token is good for a while. */
  readonly login: Effect.Effect<DeviceLogin>
  /** Another password at Exchange; the phones know it when the user has typed it, `delay` milliseconds later. */
  readonly changePassword: (delay: number) => Effect.Effect<void>
  /** The phones get a token that is good for so many seconds only, and register with it. */
  readonly expireSoon: (seconds: number) => Effect.Effect<void>
  readonly phones: Array<Phone>
}

/** Longer than the notice that ENS gives before a token expires, else it would ask for another at once. */
const SHORTEST_TOKEN = 20 * 60
const LONGEST_TOKEN = 180 * 60
/** So many characters fit into the callback URL, and so many do not: then the log-in is split. */
const TOKEN_LENGTHS = [300, 1500]

/** Of ten people, three have access tokens; the others have passwords. */
export const makePerson = (exchange: ExchangeStandIn, index: number, random: Random): Effect.Effect<Person> =>
  Effect.gen(function* () {
    const address = `user${index}@chaos.example`
    const usesTokens = random.happens(0.3)
    let known: DeviceLogin = { username: address, password: newPassword() }
    let isShort = false
    let expiresAt = Number.NEGATIVE_INFINITY
    yield* exchange.addMailbox({ address, password: known.password ?? "" })

    const takeToken = (seconds: number) =>
      Effect.gen(function* () {
        const accessToken = randomBytes(random.pick(TOKEN_LENGTHS) / 2).toString("hex")
        expiresAt = Date.now() + seconds * 1000
        known = { accessToken, accessTokenExpiresAt: new Date(expiresAt).toISOString() }
        yield* exchange.setTokens(address, [accessToken]).pipe(Effect.orDie)
      })
    const renewed = Effect.suspend(() =>
      usesTokens && expiresAt < Date.now() + SHORTEST_TOKEN * 500
        ? takeToken(random.between(SHORTEST_TOKEN, LONGEST_TOKEN))
        : Effect.void
    )
    const person: Person = {
      address,
      usesTokens,
      login: Effect.suspend(() => (isShort ? Effect.void : renewed)).pipe(Effect.map(() => known)),
      changePassword: (delay) =>
        Effect.gen(function* () {
          const password = newPassword()
          yield* exchange.setPassword(address, password).pipe(Effect.orDie)
          yield* Effect.sleep(delay)
          known = { username: address, password }
        }),
      expireSoon: (seconds) =>
        Effect.gen(function* () {
          isShort = true
          yield* takeToken(seconds)
          const [phone] = person.phones
          yield* Effect.ignore(Effect.timeout(phone?.register(false) ?? Effect.void, seconds * 1000))
          yield* Effect.sleep(Math.max(0, expiresAt - Date.now()))
          isShort = false
          yield* exchange.setTokens(address, []).pipe(Effect.orDie)
        }),
      phones: []
    }
    return person
  })

const newPassword = () => `password ${randomBytes(6).toString("hex")}`
