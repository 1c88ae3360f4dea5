import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import {
  append,
  DETAIL_MAX,
  extend,
  HISTORY_MAX,
  type HistoryEvent,
  HistoryKind,
  pack,
  REFUSALS_MAX,
  ROUTINE_MAX,
  UNKNOWN_DEVICE,
  unpack
} from "../../schemas/History.ts"

const event = (at: number, more: Partial<HistoryEvent> = {}): HistoryEvent => ({
  at,
  kind: "heartbeat",
  detail: "",
  times: 1,
  ...more
})

const anyEvent: fc.Arbitrary<HistoryEvent> = fc
  .record({
    at: fc.nat(),
    kind: fc.constantFrom(...HistoryKind.literals),
    detail: fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.constantFrom("", "A", "A: no", "B: no", UNKNOWN_DEVICE)
    ),
    times: fc.nat(9),
    since: fc.option(fc.nat(), { nil: undefined })
  })
  .map(({ since, ...rest }) => (since === undefined ? rest : { ...rest, since }))

describe("a user's history", () => {
  it("tells equal events in a row as one, with the first and the last time", () => {
    expect(append([event(1), event(2)], [event(3)])).toEqual([event(1), event(3, { times: 2, since: 2 })])
    expect(append([event(1)], [event(3), event(7)])).toEqual([event(7, { times: 3, since: 1 })])
  })

  it("tells each callback with mails by itself", () => {
    const mail = (at: number) => event(at, { kind: "mail", detail: "delivered" })
    expect(append([mail(1)], [mail(2)])).toEqual([mail(1), mail(2)])
  })

  it("keeps the newest, and cuts what is too long", () => {
    const many = Array.from({ length: HISTORY_MAX + 5 }, (_, at) =>
      event(at, { detail: `${at}`, kind: "state" })
    )
    const kept = append([], many)
    expect(kept).toHaveLength(HISTORY_MAX)
    expect(kept.at(-1)?.at).toBe(HISTORY_MAX + 4)
    expect(append([], [event(1, { detail: "x".repeat(500) })])[0]?.detail).toHaveLength(DETAIL_MAX)
  })

  it("tells equal refusals as one, wherever they are, so that they push nothing out", () => {
    const refused = (at: number) =>
      event(at, { kind: "registration", detail: ["A: no", "B: no"][Math.floor(at / 2) % 2]! })
    const device = (at: number) => event(at, { kind: "device", detail: UNKNOWN_DEVICE })
    let all: ReadonlyArray<HistoryEvent> = [event(0, { kind: "subscribed", detail: "made" })]
    let stored = pack(all)
    for (let at = 1; at < 900; at += 3) {
      const more = [event(at), refused(at + 1), device(at + 2)]
      stored = extend(stored, at - 1, more)
      all = append(all, more)
    }
    expect(all.map(({ kind, times }) => `${kind} ${times}`)).toEqual([
      "subscribed 1",
      "heartbeat 299",
      expect.stringMatching(/^registration 1\d\d$/),
      "heartbeat 1",
      expect.stringMatching(/^registration 1\d\d$/),
      "device 300"
    ])
    expect(unpack(stored)).toEqual(all)
  })

  it("keeps few different refusals, the newest", () => {
    const refused = (at: number) => event(at, { kind: "registration", detail: `SubscribeAgain: host ${at}` })
    const many = Array.from({ length: 200 }, (_, at) => [event(at), refused(at)]).flat()
    const kept = append([event(0, { kind: "subscribed", detail: "made" })], many)
    expect(kept.filter(({ kind }) => kind === "registration")).toHaveLength(REFUSALS_MAX)
    expect(kept.at(-1)?.detail).toBe("SubscribeAgain: host 199")
    expect(kept.length).toBeLessThanOrEqual(2 * REFUSALS_MAX + 2)
    expect(kept[0]?.kind).toBe("subscribed")
  })

  it("keeps what explains a silence through hours with very many mails", () => {
    const failed = event(1, { kind: "registration", detail: "SubscribeAgain: exchange-log-in-refused" })
    const before = [event(0, { kind: "subscribed", detail: "made" }), failed]
    let all: ReadonlyArray<HistoryEvent> = before
    let stored = pack(before)
    for (let at = 2; at < 1_000; at++) {
      const more = at % 3 === 0 ? event(at) : event(at, { kind: "mail", detail: "delivered" })
      stored = extend(stored, at - 1, [more])
      all = append(all, [more])
    }
    expect(all.slice(0, 2)).toEqual(before)
    expect(all).toHaveLength(HISTORY_MAX)
    expect(all.at(-1)?.at).toBe(999)
    expect(unpack(stored)).toEqual(all)
  })

  it("keeps many mails where little else has happened, and much else where it has", () => {
    const mails = Array.from({ length: 100 }, (_, at) => event(at, { kind: "mail", detail: "delivered" }))
    expect(append([], mails)).toEqual(mails.slice(-HISTORY_MAX))
    const states = Array.from({ length: 100 }, (_, at) => event(at, { kind: "state", detail: `${at}` }))
    expect(append(mails, states)).toEqual(states.slice(-HISTORY_MAX))
    const kinds = append(states, mails).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === "mail")).toHaveLength(ROUTINE_MAX)
  })

  it("tells each success by itself", () => {
    const ok = (at: number) => event(at, { kind: "registration", detail: "UserSubscribed" })
    expect(append([ok(1), event(2)], [ok(3)])).toEqual([ok(1), event(2), ok(3)])
  })

  it("is read but for the events that a later version wrote", () => {
    const text = '[1,"mail","delivered",2]\n[2,"future","",1]\n[3,"heartbeat","",1]\n[4,"future","",1]'
    const stored = new TextEncoder().encode(text)
    const known = [event(1, { kind: "mail", detail: "delivered", times: 2 }), event(3)]
    expect(unpack(stored)).toEqual(known)
    expect(unpack(extend(stored, 4, [event(5, { kind: "state" })]))).toEqual([
      ...known,
      event(5, { kind: "state" })
    ])
  })

  it("comes back from storage as it went there", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 70 }), (all) => {
        expect(unpack(pack(all))).toEqual(all)
      })
    )
  })

  it("is extended in storage as it is in memory", () => {
    const some = fc.array(anyEvent, { maxLength: 70 })
    fc.assert(
      fc.property(some, some, (before, more) => {
        const stored = append([], before)
        // Each comes later than what is stored.
        const later = more.map((event) => ({ ...event, at: event.at + 2 ** 32 }))
        const lastAt = stored.reduce((last, { at }) => Math.max(last, at), 0)
        expect(unpack(extend(pack(stored), lastAt, later))).toEqual(append(stored, later))
      })
    )
  })

  it("takes what is stored already no second time, and starts anew after what cannot be read", () => {
    const mail = (at: number) => event(at, { kind: "mail", detail: "delivered" })
    const stored = pack([mail(1), mail(2)])
    expect(unpack(extend(stored, 2, [mail(2), mail(3)]))).toEqual([mail(1), mail(2), mail(3)])
    expect(extend(stored, 2, [mail(1), mail(2)])).toEqual(stored)
    expect(unpack(extend(new TextEncoder().encode("{"), 2, [mail(3)]))).toEqual([mail(3)])
  })

  it("is empty if it cannot be read", () => {
    const rubbish = [
      "",
      "{",
      "{}",
      "[1]",
      '[[1,"future","",1]]',
      '[[null,"mail","",1]]',
      '[["1","mail","",1]]'
    ]
    for (const text of [...rubbish, '[1,"mail",7,1]', '[1,"mail","",1.5]', '[1,"mail","",1,"x"]']) {
      expect(unpack(new TextEncoder().encode(text)), text).toEqual([])
    }
  })
})
