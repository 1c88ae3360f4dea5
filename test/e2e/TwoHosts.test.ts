import { describe, expect, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import type { DeviceStandIn } from "../../src/sandbox/Device.ts"
import { type ExchangeStandIn, makeExchange } from "../../src/sandbox/Exchange.ts"
import { startService } from "../support/ServiceFixture.ts"
import { rehearse, within } from "./Rehearsal.ts"

const PASSWORD = "Down-the-rabbit-hole-1865"
const usersOf = (host: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ address: `u${index}@${host}.example`, password: PASSWORD }))

/** Enough for trouble that is the whole host's. */
const AT_A = usersOf("a", 4)
const AT_B = usersOf("b", 2)

interface Person {
  readonly address: string
  readonly exchange: ExchangeStandIn
  readonly device: DeviceStandIn
}

/** The whole service with users at two Exchange hosts, all of them registered. */
const installed = Effect.gen(function* () {
  const all = yield* rehearse({ exchange: { mailboxes: AT_A } })
  const { cns, exchange: a, installation, phone, shown } = all
  const b = yield* makeExchange({ mailboxes: AT_B })
  const tokenAtB = yield* installation.createToken(b.url, "b")
  yield* startService(installation)
  const register = Effect.fnUntraced(function* (
    user: (typeof AT_A)[number],
    exchange: ExchangeStandIn,
    token: object
  ) {
    const device = yield* phone("iOS", { user, ewsUrl: exchange.url, registersAgain: false, ...token })
    expect(yield* device.register()).toMatchObject({ responseCode: 7 })
    return { address: user.address, exchange, device } satisfies Person
  })
  const atA = yield* Effect.forEach(AT_A, (user) => register(user, a, {}))
  const atB = yield* Effect.forEach(AT_B, (user) => register(user, b, { apiToken: tokenAtB }))

  /** A mail for each; answers what their phones show of it, in the same order. */
  const notified = Effect.fnUntraced(function* (
    people: ReadonlyArray<Person>,
    subject: string,
    seconds = 10
  ) {
    const items = yield* Effect.forEach(people, ({ address, exchange }) =>
      exchange.deliver({ to: address, from: "bob@example.com", fromName: "Bob", subject, body: "Hello" })
    )
    const of = (index: number) =>
      shown(people[index]!.device).find(({ itemIds }) => itemIds.includes(items[index]!))
    yield* within(
      cns.until(() => people.every((_, index) => of(index) !== undefined)),
      subject,
      seconds
    )
    return people.map((_, index) => of(index)?.subtitle || of(index)?.body)
  })
  const told = () =>
    installation
      .logLines()
      .filter(({ level, message }) => !/debug|trace/i.test(level) && message.startsWith("Exchange host "))
      .map(({ message }) => message.replace(/127\.0\.0\.1:\d+/, "A"))
  return { a, atA, atB, notified, told }
})

const each = (people: ReadonlyArray<Person>, text: string) => people.map(() => text)

// Mostly waiting, each with a service of its own: they wait together.
describe.concurrent("one of two Exchange hosts", () => {
  it.scopedLive("that throttles its users costs only them their details, and is not asked again", () =>
    Effect.gen(function* () {
      const { a, atA, atB, notified, told } = yield* installed
      yield* a.addFault({ kind: "busy", operation: "GetItem", backOffMilliseconds: 299_984 })
      expect(yield* notified(atA, "One")).toEqual(each(atA, "New message"))
      const asked = a.operations()["GetItem"]
      expect(asked).toBe(atA.length)
      expect(yield* notified(atB, "One")).toEqual(each(atB, "One"))
      for (const subject of ["Two", "Three"]) {
        expect(yield* notified(atA, subject)).toEqual(each(atA, "New message"))
        expect(yield* notified(atB, subject)).toEqual(each(atB, subject))
      }
      expect(a.operations()["GetItem"]).toBe(asked)
      expect(told()).toEqual([
        "Exchange host A lets a user wait 5 min (ErrorServerBusy); others go on. This is told once an hour"
      ])
    })
  )

  it.scopedLive(
    "that is down holds up nobody at the other, and comes back by itself",
    () =>
      Effect.gen(function* () {
        const { a, atA, atB, notified, told } = yield* installed
        expect(yield* notified([...atA, ...atB], "Before")).toEqual(each([...atA, ...atB], "Before"))
        yield* a.down
        for (const subject of ["One", "Two"]) {
          const [lost, found] = yield* Effect.all([notified(atA, subject, 20), notified(atB, subject)], {
            concurrency: 2
          })
          expect(lost).toEqual(each(atA, "New message"))
          expect(found).toEqual(each(atB, subject))
        }
        yield* a.up
        // The next probe is at most 11 s away, or some more if one fails just now.
        const back = notified(atA, "After", 20).pipe(
          Effect.filterOrFail((texts) => texts.every((text) => text === "After")),
          Effect.retry(Schedule.spaced("1 second"))
        )
        expect(yield* within(back, "details again", 30)).toEqual(each(atA, "After"))
        expect(told()).toEqual([
          expect.stringMatching(/^Exchange host A is down: .*\. Its users' calls wait; others go on$/),
          expect.stringMatching(/^Exchange host A answers again after \d+ s; \d+ calls were not made$/)
        ])
      }),
    60_000
  )
})
