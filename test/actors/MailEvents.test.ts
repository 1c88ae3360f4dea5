import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { hash53 } from "../../actors/Ledger.ts"
import { digestEvents, isHeartbeat } from "../../actors/MailEvents.ts"
import type { EwsEvent } from "../../schemas/EwsMessage.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import { events } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"
const item = (n: number) => `item-${n}` as ItemId

const someEvent: fc.Arbitrary<EwsEvent> = fc.oneof(
  fc.nat(5).map((n) => events.created(ANN, item(n), 0)),
  fc.nat(5).map((n) => events.newMail(ANN, item(n), 0)),
  fc.nat(5).map((n) => events.modified(ANN, item(n))),
  fc.nat(5).map((n) => events.moved(ANN, item(n))),
  fc.nat(5).map((n) => events.deleted(ANN, item(n))),
  fc.nat(9).map((n) => events.folder("inbox-of-ann@example.com" as ItemId, n)),
  fc.constant(0).map(() => events.status())
)

describe("the events of a callback", () => {
  it("name each mail once, and none that went again", () => {
    fc.assert(
      fc.property(fc.array(someEvent, { maxLength: 30 }), (list) => {
        const { arrivals } = digestEvents(list, 0)
        const ids = arrivals.map(({ itemId }) => itemId)
        expect(new Set(ids).size).toBe(ids.length)
        for (const { createdOnly, itemId } of arrivals) {
          const own = list.filter((event) => event.itemId === itemId)
          const last = own.findLastIndex(({ kind }) => kind === "Moved" || kind === "Deleted")
          const since = own.slice(last + 1).map(({ kind }) => kind)
          expect(since.includes("NewMail") || since.includes("Created")).toBe(true)
          expect(createdOnly).toBe(!since.includes("NewMail"))
        }
      })
    )
  })

  it("are a heartbeat only if there is nothing but status", () => {
    fc.assert(
      fc.property(fc.array(someEvent, { minLength: 1, maxLength: 10 }), (list) => {
        const digest = digestEvents(list, 0)
        expect(isHeartbeat(list)).toBe(!list.some(({ kind }) => kind !== "Status"))
        expect(digest.watermark).toBe(list.at(-1)?.watermark)
      })
    )
  })

  it("have one key, whatever is known of the Inbox, and another one when they are others", () => {
    fc.assert(
      fc.property(
        fc.array(someEvent, { minLength: 1, maxLength: 10 }),
        fc.nat(),
        someEvent,
        (list, inbox, more) => {
          const { key } = digestEvents(list, 0)
          expect(digestEvents(list, inbox).key).toBe(key)
          expect(Number.isSafeInteger(key)).toBe(true)
          if (more.kind !== "Status") expect(digestEvents([...list, more], 0).key).not.toBe(key)
        }
      )
    )
  })

  it("tell the unread count only of the folder that mails arrive in", () => {
    const inbox = "inbox-of-ann@example.com" as ItemId
    const other = events.folder("archive" as ItemId, 7)
    expect(digestEvents([other], 0).unread).toBeUndefined()
    expect(digestEvents([events.folder(inbox, 3)], 0).unread).toBeUndefined()
    expect(digestEvents([events.folder(inbox, 3), other], hash53(inbox)).unread).toBe(3)
    expect(digestEvents([events.newMail(ANN, item(1), 0), events.folder(inbox, 4)], 0).unread).toBe(4)
    expect(digestEvents([events.modified(ANN, item(1)), events.folder(inbox, 5)], 0).unread).toBe(5)
    // Where it is known which folder is the Inbox, only mails that arrive say that it is another one now.
    expect(digestEvents([events.modified(ANN, item(1)), events.folder(inbox, 5)], 7).unread).toBeUndefined()
    expect(digestEvents([events.folder(inbox, -2)], hash53(inbox)).unread).toBe(0)
    expect(digestEvents([events.folder(inbox, undefined)], hash53(inbox)).unread).toBeUndefined()
  })
})
