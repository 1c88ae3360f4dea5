import { Effect, Runtime, Schedule } from "effect"
import { type CnsOptions, makeCns, type TakenNotification } from "../../src/sandbox/Cns.ts"
import {
  type DeviceOptions,
  type DeviceStandIn,
  makeDevice,
  type Shown,
  show
} from "../../src/sandbox/Device.ts"
import { type ExchangeOptions, makeExchange } from "../../src/sandbox/Exchange.ts"
import { makeInstallation } from "../support/Installation.ts"

export const ALICE = { address: "alice.liddell@wonderland.example", password: "Down-the-rabbit-hole-1865" }
export const MALLORY = { address: "mallory@wonderland.example", password: "Off-with-their-heads" }

export interface RehearsalOptions {
  readonly exchange?: ExchangeOptions
  readonly cns?: CnsOptions
  readonly settings?: Readonly<Record<string, string>>
}

/** Stand-ins and an installation of the service that knows them; the service itself is started by the test. */
export const rehearse = Effect.fnUntraced(function* (options: RehearsalOptions = {}) {
  const exchange = yield* makeExchange({ mailboxes: [ALICE, MALLORY], ...options.exchange })
  const cns = yield* makeCns(options.cns)
  const installation = yield* makeInstallation({
    ENS_PUSH: "cns",
    ENS_CNS_URL: cns.url,
    ...options.settings
  })
  const apiToken = yield* installation.createToken(exchange.url)
  const run = Runtime.runFork(yield* Effect.runtime<never>())

  const phone = (
    platform: "iOS" | "Android",
    more: Partial<DeviceOptions> & { readonly user?: typeof ALICE } = {}
  ) => {
    const { user = ALICE, ...overrides } = more
    return makeDevice({
      baseUrl: installation.baseUrl,
      apiToken,
      address: user.address,
      login: { username: user.address, password: user.password },
      platform,
      ewsUrl: exchange.url,
      ...overrides
    })
  }
  /** What CNS took for this device, oldest first. */
  const taken = (device: DeviceStandIn): ReadonlyArray<TakenNotification> =>
    cns.received().filter((one) => one.deviceToken === device.token())
  /** The same, as the phone shows it. */
  const shown = (device: DeviceStandIn): ReadonlyArray<Shown> =>
    taken(device).map((one) => show(device.platform, one.payload))
  /** Notifications that name this mail. */
  const about = (device: DeviceStandIn, itemId: string): ReadonlyArray<TakenNotification> =>
    taken(device).filter((one) => show(device.platform, one.payload).itemIds.includes(itemId))
  /** From now on the devices get what CNS takes for them, as phones do. */
  const connect = (...devices: ReadonlyArray<DeviceStandIn>) =>
    cns.onNotification((one) => {
      const device = devices.find((candidate) => candidate.token() === one.deviceToken)
      if (device !== undefined) run(Effect.ignore(device.receive(one.payload)))
    })
  /** A mail from Bob; answers its item id. */
  const mail = (subject: string, to = ALICE.address) =>
    exchange.deliver({
      to,
      from: "bob@example.com",
      fromName: "Bob Baker",
      subject,
      body: `Body of ${subject}`
    })
  return { exchange, cns, installation, apiToken, phone, taken, shown, about, connect, mail }
})

export type Rehearsal = Effect.Effect.Success<ReturnType<typeof rehearse>>

/** Fails the test with what is known, instead of a bare timeout. */
export const within = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string, seconds = 10) =>
  Effect.timeoutFail(effect, { duration: seconds * 1000, onTimeout: () => new Error(`not in time: ${what}`) })

/** Waits for what no stand-in announces; looks again every few milliseconds. */
export const eventually = (condition: () => boolean, what: string, seconds = 10) =>
  within(
    Effect.repeat(Effect.sync(condition), { until: (holds) => holds, schedule: Schedule.spaced("5 millis") }),
    what,
    seconds
  )
