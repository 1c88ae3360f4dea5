import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, FastCheck as fc, Metric } from "effect"
import { type ActivityId, userIdOfAddress } from "../../schemas/Ids.ts"
import { LinkState } from "../../schemas/LinkState.ts"
import { GetStatus } from "../../schemas/SubscriptionMessage.ts"
import { DAY, HOUR, inWorld, MINUTE, type Process, type World } from "../support/ActorFixture.ts"
import { makeOwnership } from "../support/ScriptedOwnership.ts"

const USERS = ["ann@example.com", "bob@example.com", "cid@example.com"] as const

const description = "Users that this node acts for, by the state of their subscription"
const gauge = Metric.gauge("ens_subscriptions", { description })

/** The states that anybody is in. */
const shown = Effect.map(
  Effect.forEach(LinkState.literals, (link) =>
    Effect.map(Metric.value(Metric.tagged(gauge, "state", link)), ({ value }) => [link, value] as const)
  ),
  (all) => Object.fromEntries(all.filter(([, count]) => count !== 0))
)

/** What the actors say themselves, once all of them do. */
const said = (world: World, ens: Process) =>
  Effect.gen(function* () {
    const counts: Record<string, number> = {}
    for (const address of USERS) {
      const known = yield* world.storage.usersOfId(userIdOfAddress(address))
      if (known.length === 0) continue
      for (let tries = 0; ; tries++) {
        if (tries > 60) throw new Error("an actor does not come back")
        const asked = ens.post(
          known[0]!.user,
          new GetStatus({ activityId: "a" as ActivityId, deviceToken: undefined })
        )
        yield* world.settled
        const { reply } = asked
        if (reply !== undefined && "state" in reply) {
          const link = reply.state ?? "None"
          counts[link] = (counts[link] ?? 0) + 1
          break
        }
        if (reply !== undefined && "code" in reply) break
        // It is just starting again.
        yield* world.advance(5_000)
      }
    }
    return counts
  })

type Step = { readonly op: (typeof ops)[number]; readonly who: number; readonly by: number }

const ops = [
  "register",
  "register",
  "register by force",
  "unregister",
  "heartbeat",
  "heartbeat",
  "mail",
  "deadly mail",
  "crash again and again",
  "other password",
  "hold",
  "release",
  "time",
  "time",
  "restart"
] as const

const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.record({ op: fc.constantFrom(...ops), who: fc.nat(2), by: fc.nat(3) }),
  { minLength: 5, maxLength: 25, size: "max" }
)

/** Through the states that chance seldom reaches. */
const tour: ReadonlyArray<Step> = [
  ["register", 0],
  ["heartbeat", 0],
  ["time", 1],
  ["time", 3],
  ["register", 1],
  ["heartbeat", 1],
  ["crash again and again", 1],
  ["time", 0],
  ["register", 2],
  ["unregister", 2],
  ["restart", 0]
].map(([op, number]) =>
  op === "time"
    ? { op, who: 0, by: number as number }
    : { op: op as Step["op"], who: number as number, by: 0 }
)

const TIMES = [MINUTE, 31 * MINUTE, DAY, 15 * DAY]

const play = (world: World, sequence: ReadonlyArray<Step>, seen: Set<string>) =>
  Effect.gen(function* () {
    let ens = yield* world.start
    const callback = (address: string, call: Effect.Effect<unknown>) =>
      Effect.flatMap(world.ews.subscriptions(address), (all) => (all.length === 0 ? Effect.void : call))
    for (const { by, op, who } of sequence) {
      const address = USERS[who]!
      yield* world.user(address)
      switch (op) {
        case "register":
        case "register by force":
          ens.register(address, { force: op === "register by force" })
          yield* world.settled
          break
        case "unregister":
          yield* ens.unregister(address, "phone").pipe(Effect.timeoutOption(1_000), Effect.forkScoped)
          yield* world.settled
          break
        case "heartbeat":
          yield* callback(address, ens.heartbeat(address))
          break
        case "mail":
          yield* callback(address, ens.mail(address))
          break
        case "deadly mail":
        case "crash again and again":
          yield* callback(
            address,
            Effect.gen(function* () {
              for (let i = 0; i < (op === "deadly mail" ? 1 : 7); i++) {
                const poison = yield* world.arrive(address)
                world.lethal.details.add(poison.item)
                world.lethal.items.add(poison.item)
                yield* ens.callback(address, poison.events)
                yield* world.advance(2_000)
              }
            })
          )
          break
        case "other password":
          yield* world.ews.setPassword(address, `other${by}`)
          break
        case "hold":
          yield* world.ews.hold("subscribe")
          break
        case "release":
          yield* world.ews.release("subscribe")
          break
        case "time":
          yield* world.advance(TIMES[by]!, TIMES[by]! / 20)
          break
        case "restart":
          yield* world.ews.release("subscribe")
          yield* stop(world, ens)
          ens = yield* world.start
          break
      }
      yield* world.settled
      const expected = yield* said(world, ens)
      for (const link of Object.keys(expected)) seen.add(link)
      expect(yield* shown, `after ${op} of ${address}`).toEqual(expected)
    }
    yield* world.ews.release("subscribe")
    yield* stop(world, ens)
    expect(yield* shown, "after the end").toEqual({})
  })

/** What does not end by itself is given up after a moment, which the clock has to tell. */
const stop = (world: World, ens: Process) =>
  Effect.gen(function* () {
    const stopping = yield* Effect.fork(ens.stop)
    yield* world.advance(5_000)
    yield* Fiber.join(stopping)
  })

describe("the number of subscriptions by state", () => {
  it.live(
    "is what the actors say themselves, whatever happens to them",
    () =>
      Effect.promise(async () => {
        const seen = new Set<string>()
        await fc.assert(
          fc.asyncProperty(steps, (sequence) =>
            Effect.runPromise(Effect.scoped(inWorld((world) => play(world, sequence, seen))()))
          ),
          { numRuns: 40, examples: [[tour]] }
        )
        // The test has seen what it is about.
        for (const link of ["None", "Subscribing", "Unconfirmed", "Active", "Overdue", "Lost", "Parked"])
          expect([...seen]).toContain(link)
      }),
    120_000
  )

  it.scopedLive(
    "ends with the tenure, and begins anew with the next",
    inWorld((world) =>
      Effect.gen(function* () {
        const node = makeOwnership("active")
        const ens = yield* world.startAs(node)
        yield* world.user(USERS[0])
        yield* ens.registered(USERS[0])
        yield* ens.heartbeat(USERS[0])
        // It is written by then.
        yield* world.advance(2_000)
        expect(yield* shown).toEqual({ Active: 1 })
        node.become("standby")
        yield* world.advance(2_000)
        expect(yield* shown).toEqual({})
        node.become("active")
        yield* world.advance(2_000)
        expect(yield* shown).toEqual({ Active: 1 })
        yield* world.advance(HOUR, MINUTE)
        expect(yield* shown).toEqual({ Overdue: 1 })
      })
    )
  )

  it.scopedLive(
    "counts nobody who was forgotten because he never registered",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(USERS[0])
        yield* ens.status(USERS[0])
        yield* world.user(USERS[1])
        yield* ens.registered(USERS[1])
        yield* ens.heartbeat(USERS[1])
        expect(yield* shown).toEqual({ None: 1, Active: 1 })
        yield* world.storage.forgetUnregistered(world.clock.now + 1)
        yield* world.advance(71 * MINUTE, MINUTE)
        expect(yield* shown).toEqual({ Overdue: 1 })
        expect(yield* ens.subscriptions.count).toBe(1)
      })
    )
  )

  it.scopedLive(
    "goes on counting a user whom storage cannot be asked about, and asks again",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(USERS[0])
        yield* ens.status(USERS[0])
        world.faults.down(true)
        yield* world.advance(71 * MINUTE, MINUTE)
        expect(yield* shown).toEqual({ None: 1 })
        world.faults.down(false)
        yield* world.advance(71 * MINUTE, MINUTE)
        expect(yield* shown).toEqual({})
      })
    )
  )
})
