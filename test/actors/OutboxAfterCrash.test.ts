import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { EwsEvent } from "../../schemas/EwsMessage.ts"
import { inWorld, MINUTE, type World } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"

/** Ann's phone, and a process that is killed right after it put so many mails into the outbox; the gateway is back then. */
const killed = (world: World, mails: number, ...others: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    const user = yield* world.user(ANN)
    for (const token of ["phone", ...others]) yield* ens.registered(ANN, { token })
    yield* world.push.down("iOS")
    const events: Array<EwsEvent> = []
    for (let i = 0; i < mails; i++) events.push(...(yield* world.arrive(ANN, { sender: `S${i}` })).events)
    expect((yield* ens.callback(ANN, events)).reply).toBe("Ok")
    yield* ens.kill
    yield* world.push.up("iOS")
    return { events, user }
  })

/** Kinds of what the phone got, but for the badge: a repeat may bring the number that was unknown before. */
const kinds = (world: World, token = "phone") =>
  Effect.map(world.push.received(token), (all) =>
    all.map(({ kind }) => kind).filter((kind) => kind !== "badge")
  )

const waiting = (world: World) => Effect.map(world.storage.outboxSize, ({ entries }) => entries)

describe("mails in the outbox of a process that was killed", () => {
  it.scopedLive(
    "come once if the outbox is emptied before Exchange repeats their callback",
    inWorld((world) =>
      Effect.gen(function* () {
        const { events } = yield* killed(world, 6, "tablet")
        const ens = yield* world.start
        yield* world.advance(2_000)
        const [summary] = yield* world.push.received("phone")
        expect(summary?.payload.aps).not.toHaveProperty("badge")
        expect((yield* ens.callback(ANN, events)).reply).toBe("Ok")
        yield* world.advance(MINUTE)
        expect((yield* world.push.received("phone")).at(-1)?.payload.aps).toEqual({ badge: 6 })
        expect(yield* kinds(world)).toEqual(["summary"])
        expect(yield* kinds(world, "tablet")).toEqual(["summary"])
      })
    )
  )

  it.scopedLive(
    "come once if Exchange repeats their callback before the outbox is emptied",
    inWorld((world) =>
      Effect.gen(function* () {
        const { events } = yield* killed(world, 6)
        yield* world.push.down("iOS")
        const ens = yield* world.start
        yield* world.push.up("iOS")
        expect((yield* ens.callback(ANN, events)).reply).toBe("Ok")
        yield* world.advance(MINUTE)
        expect(yield* kinds(world)).toEqual(["summary"])
        expect(yield* waiting(world)).toBe(0)
      })
    )
  )

  it.scopedLive(
    "stay there, each once, if the gateway is still down when the callback is repeated",
    inWorld((world) =>
      Effect.gen(function* () {
        const { events } = yield* killed(world, 3)
        yield* world.push.down("iOS")
        const ens = yield* world.start
        expect((yield* ens.callback(ANN, events)).reply).toBe("Ok")
        expect(yield* waiting(world)).toBe(3)
        yield* world.push.up("iOS")
        yield* world.advance(2_000)
        expect(yield* kinds(world)).toEqual(["newMail", "newMail", "newMail"])
      })
    )
  )

  it.scopedLive(
    "come once although more of them wait than one flush takes",
    inWorld((world) =>
      Effect.gen(function* () {
        const { events } = yield* killed(world, 250)
        yield* world.push.down("iOS")
        const ens = yield* world.start
        yield* world.push.up("iOS")
        expect((yield* ens.callback(ANN, events)).reply).toBe("Ok")
        yield* world.advance(MINUTE)
        expect(yield* world.titles("phone")).toEqual(["200 new messages", "50 new messages"])
        expect(yield* waiting(world)).toBe(0)
      })
    )
  )

  it.scopedLive(
    "are not new to a device that registers after they were sent",
    inWorld((world) =>
      Effect.gen(function* () {
        const { events } = yield* killed(world, 2)
        const ens = yield* world.start
        yield* world.advance(2_000)
        yield* ens.registered(ANN, { token: "later" })
        expect((yield* ens.callback(ANN, events)).reply).toBe("Ok")
        yield* world.advance(MINUTE)
        expect(yield* kinds(world)).toEqual(["newMail", "newMail"])
        expect(yield* kinds(world, "later")).toEqual([])
      })
    )
  )

  it.scopedLive(
    "are one summary on the phone, also if it was sent, not noted, and another mail has come since",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* killed(world, 6)
        world.faults.failNext("removeOutbox")
        const ens = yield* world.start
        yield* world.advance(1_000)
        expect(yield* kinds(world)).toEqual(["summary"])
        yield* world.push.down("iOS")
        yield* ens.mail(ANN)
        yield* world.push.up("iOS")
        yield* world.advance(MINUTE)
        expect((yield* world.titles("phone")).filter((text) => text !== "")).toEqual(["7 new messages"])
      })
    )
  )
})
