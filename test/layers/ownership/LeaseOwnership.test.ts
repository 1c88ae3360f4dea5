import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Scope } from "effect"
import * as LeaseOwnership from "../../../layers/ownership/LeaseOwnership.ts"
import type { Ownership } from "../../../layers/ownership/Ownership.ts"
import { scrape } from "../../../layers/telemetry/Prometheus.ts"
import type { LogLine } from "../../support/LogRecorder.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { ModelLease } from "../../support/ModelLease.ts"
import { StepClock, settled } from "../../support/StepClock.ts"

const START = 1_760_000_000_000

interface World {
  readonly clock: StepClock
  readonly lease: ModelLease
  readonly lines: ReadonlyArray<LogLine>
  /** A node; closing it is a shutdown. */
  readonly node: (
    host: string
  ) => Effect.Effect<Ownership["Type"] & { readonly close: Effect.Effect<void> }, never, Scope.Scope>
}

const world =
  <E>(body: (world: World) => Effect.Effect<void, E, Scope.Scope>) =>
  () =>
    Effect.suspend(() => {
      const clock = new StepClock(START)
      // The database's clock is none of the node's.
      const lease = new ModelLease(() => clock.now + 3_600_000)
      const lines: Array<LogLine> = []
      const node: World["node"] = (host) =>
        Effect.gen(function* () {
          const outer = yield* Effect.scope
          const scope = yield* Scope.fork(outer, outer.strategy)
          const ownership = yield* Scope.extend(LeaseOwnership.make(lease.store, host), scope)
          return { ...ownership, close: Scope.close(scope, Exit.void) }
        })
      return Effect.scoped(body({ clock, lease, lines, node })).pipe(
        Effect.provide(LogRecorder.layer(lines)),
        Effect.withClock(clock)
      )
    })

/** Work that counts how often it was begun and ended, and takes so long (ms) to end. */
const work = (clock: StepClock, slow = { ending: 0 }) => {
  const counts = { begun: 0, ended: 0 }
  const effect = Effect.acquireUseRelease(
    Effect.sync(() => {
      counts.begun += 1
    }),
    () => Effect.never,
    () =>
      Effect.zipRight(
        Effect.suspend(() => (slow.ending === 0 ? Effect.void : clock.sleep(Duration.millis(slow.ending)))),
        Effect.sync(() => {
          counts.ended += 1
        })
      )
  )
  return { counts, effect }
}

const said = (lines: ReadonlyArray<LogLine>, text: string) =>
  lines.filter((line) => line.text.includes(text)).length

describe("a node", () => {
  it.live(
    "without another one is active at once, and stays it",
    world(({ clock, lease, lines, node }) =>
      Effect.gen(function* () {
        const one = yield* node("one")
        expect([one.role(), one.epoch(), one.owns(1)]).toEqual(["active", 1, true])
        yield* clock.advance(10 * 60_000)
        expect([one.role(), one.epoch()]).toEqual(["active", 1])
        const renewals = lease.asked.filter((question) => question === "renew").length
        expect(renewals).toBeGreaterThanOrEqual(110)
        expect(renewals).toBeLessThanOrEqual(121)
        expect(lines.map(({ text }) => text)).toEqual([
          expect.stringContaining("active: this node has taken over (tenure 1)")
        ])
      })
    )
  )

  it.live(
    "beside an active one is a standby, which says once who that is, and takes over when that closes",
    world(({ clock, lines, node }) =>
      Effect.gen(function* () {
        const one = yield* node("one")
        const two = yield* node("two")
        const { counts, effect } = work(clock)
        yield* Effect.fork(two.during(effect))
        yield* clock.advance(5 * 60_000)
        expect([two.role(), two.epoch(), two.owns(1), counts.begun]).toEqual(["standby", 0, false, 0])
        expect(said(lines, "standby: the active node is on one")).toBe(1)
        expect([one.actingNode?.(), two.actingNode?.()]).toEqual([undefined, "one"])
        yield* one.close
        expect([one.role(), one.epoch()]).toEqual(["standby", 0])
        yield* clock.advance(1_000)
        expect([two.role(), two.epoch(), counts.begun]).toEqual(["active", 2, 1])
      })
    )
  )

  it.live(
    "takes over from one that was killed, when its lease has expired",
    world(({ clock, lease, node }) =>
      Effect.gen(function* () {
        lease.take("killed", "one")
        const two = yield* node("two")
        yield* clock.advance(29_000)
        expect(two.role()).toBe("standby")
        yield* clock.advance(2_000)
        expect([two.role(), two.epoch()]).toEqual(["active", 2])
      })
    )
  )

  it.live(
    "takes over at the moment at which the lease expires, and not up to a second later",
    world(({ clock, lease, node }) =>
      Effect.gen(function* () {
        lease.take("killed", "one")
        yield* clock.advance(400)
        const two = yield* node("two")
        yield* clock.advance(29_550)
        expect(two.role()).toBe("standby")
        yield* clock.advance(100)
        expect(two.role()).toBe("active")
        expect(lease.asked.length).toBeLessThanOrEqual(32)
      })
    )
  )

  it.live(
    "that stood still is no longer active in its first instruction, whichever clock tells, and then ends its work",
    world(({ clock, lease, lines, node }) =>
      Effect.gen(function* () {
        const one = yield* node("one")
        const { counts, effect } = work(clock)
        yield* Effect.fork(one.during(effect))
        yield* settled
        let first = ""
        // Sleepers wake in the order of their times: this one before the renewal.
        yield* Effect.fork(
          Effect.zipRight(
            Effect.sleep(1),
            Effect.sync(() => (first = one.role()))
          )
        )
        yield* settled
        lease.take("another", "two")
        lease.expiresAt += 60_000
        yield* clock.advance(60_000, 60_000)
        expect(first).toBe("standby")
        expect([one.role(), one.epoch(), counts.ended]).toEqual(["standby", 0, 1])
        expect(said(lines, "another node has taken over")).toBe(1)
      })
    )
  )

  it.live(
    "whose machine was suspended asks at once, and goes on with its tenure if nobody else has taken over",
    world(({ clock, node }) =>
      Effect.gen(function* () {
        const one = yield* node("one")
        const { counts, effect } = work(clock)
        yield* Effect.fork(one.during(effect))
        yield* clock.advance(5_500, 500)
        clock.wallOffset += 3_600_000
        expect(one.role()).toBe("standby")
        expect(one.epoch()).toBe(1)
        yield* clock.advance(1_000)
        expect([one.role(), one.epoch()]).toEqual(["active", 1])
        expect(counts).toEqual({ begun: 1, ended: 0 })
      })
    )
  )

  it.live.each(["refuses", "silent", "forgets"] as const)(
    "whose database %s is active to the end of its lease, then cut off, and active again with the same work",
    (state) =>
      world(({ clock, lease, lines, node }) =>
        Effect.gen(function* () {
          const one = yield* node("one")
          const { counts, effect } = work(clock)
          yield* Effect.fork(one.during(effect))
          yield* clock.advance(6_000)
          lease.state = state
          yield* clock.advance(20_000)
          expect(one.role()).toBe("active")
          yield* clock.advance(15_000)
          expect([one.role(), one.epoch()]).toEqual(["cut off", 1])
          yield* clock.advance(3_600_000)
          expect([one.role(), one.epoch()]).toEqual(["cut off", 1])
          lease.state = "there"
          yield* clock.advance(5_000)
          expect([one.role(), one.epoch()]).toEqual(["active", 1])
          expect(counts).toEqual({ begun: 1, ended: 0 })
          expect(said(lines, "does not say who is active")).toBe(1)
          expect(said(lines, "cut off:")).toBe(1)
          expect(said(lines, "says again who is active")).toBe(1)
          expect(lines.length).toBe(5)
        })
      )()
  )

  it.live(
    "that was cut off and finds another active is a standby, and may become active again",
    world(({ clock, lease, node }) =>
      Effect.gen(function* () {
        const one = yield* node("one")
        const { counts, effect } = work(clock)
        yield* Effect.fork(one.during(effect))
        lease.state = "silent"
        yield* clock.advance(60_000)
        lease.take("another", "two")
        lease.state = "there"
        yield* clock.advance(5_000)
        expect([one.role(), one.epoch(), counts.ended]).toEqual(["standby", 0, 1])
        yield* clock.advance(30_000)
        expect([one.role(), one.epoch()]).toEqual(["active", 3])
        expect(counts).toEqual({ begun: 2, ended: 1 })
      })
    )
  )

  it.live(
    "does not become active again while work of its lost tenure has not ended",
    world(({ clock, lease, node }) =>
      Effect.gen(function* () {
        const one = yield* node("one")
        const slow = { ending: 20_000 }
        const { counts, effect } = work(clock, slow)
        yield* Effect.fork(one.during(effect))
        yield* settled
        lease.take("another", "two")
        lease.expiresAt = 0
        yield* clock.advance(6_000)
        expect(one.role()).toBe("standby")
        yield* clock.advance(18_000)
        expect([one.role(), counts.ended]).toEqual(["standby", 0])
        yield* clock.advance(5_000)
        expect([one.role(), counts.begun, counts.ended]).toEqual(["active", 2, 1])
        slow.ending = 0
      })
    )
  )

  it.live(
    "finds its own lease again when the answer to its first question was lost",
    world(({ clock, lease, node }) =>
      Effect.gen(function* () {
        lease.state = "forgets"
        const starting = yield* Effect.fork(node("one"))
        yield* clock.advance(4_000)
        const one = yield* Fiber.join(starting)
        expect(one.role()).toBe("standby")
        lease.state = "there"
        yield* clock.advance(5_000)
        expect([one.role(), one.epoch()]).toEqual(["active", lease.epoch])
      })
    )
  )

  it.live(
    "that closes while the database is silent waits 2 s for it",
    world(({ clock, lease, lines, node }) =>
      Effect.gen(function* () {
        const one = yield* node("one")
        lease.state = "silent"
        const closing = yield* Effect.fork(one.close)
        yield* clock.advance(1_000)
        expect(closing.unsafePoll()).toBe(null)
        yield* clock.advance(1_500)
        yield* Fiber.join(closing)
        expect(said(lines, "could not be given back")).toBe(1)
      })
    )
  )

  it.live(
    "that is stopped while it starts leaves no lease behind",
    world(({ clock, lease, node }) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        lease.state = "forgets"
        const starting = yield* Effect.fork(Scope.extend(node("one"), scope))
        yield* clock.advance(1_000)
        expect(lease.expiresAt).toBeGreaterThan(0)
        lease.state = "there"
        yield* Fiber.interrupt(starting)
        yield* Scope.close(scope, Exit.void)
        expect(lease.expiresAt).toBe(0)
      })
    )
  )

  it.live(
    "goes on asking after a question that broke",
    world(({ clock, lease }) =>
      Effect.gen(function* () {
        let broken = false
        const one = yield* LeaseOwnership.make(
          { ...lease.store, renew: (...args) => (broken ? Effect.die("a bug") : lease.store.renew(...args)) },
          "one"
        )
        broken = true
        yield* clock.advance(60_000)
        expect(one.role()).toBe("cut off")
        broken = false
        yield* clock.advance(2_000)
        expect(one.role()).toBe("active")
      })
    )
  )
})

describe("a node's metrics", () => {
  it.live(
    "tell role and tenure, also when only time changes them",
    world(({ clock, lease, node }) =>
      Effect.gen(function* () {
        const lines = Effect.map(scrape, (text) => text.split("\n").filter((line) => / [1-9]/.test(line)))
        const one = yield* node("one")
        expect(yield* lines).toEqual(
          expect.arrayContaining(['ens_ownership_role{role="active"} 1', "ens_ownership_epoch 1"])
        )
        lease.state = "refuses"
        yield* clock.advance(40_000)
        expect(yield* lines).toContain('ens_ownership_role{role="cut off"} 1')
        expect(yield* lines).not.toContain('ens_ownership_role{role="active"} 1')
        yield* one.close
        expect(yield* lines).toContain('ens_ownership_role{role="standby"} 1')
        expect(yield* lines).not.toContain("ens_ownership_epoch 1")
      })
    )
  )
})

describe("work during a tenure", () => {
  it.live(
    "that ends by itself is not repeated, and its failure is the failure of the whole",
    world(({ clock, lease, node }) =>
      Effect.gen(function* () {
        const one = yield* node("one")
        let begun = 0
        yield* Effect.fork(one.during(Effect.sync(() => void begun++)))
        yield* clock.advance(60_000)
        expect(begun).toBe(1)
        lease.take("another", "two")
        yield* clock.advance(60_000)
        expect([one.role(), begun]).toEqual(["active", 2])
        expect(yield* Effect.flip(one.during(Effect.fail("no")))).toBe("no")
      })
    )
  )
})
