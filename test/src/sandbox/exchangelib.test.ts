import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeExchange } from "../../../src/sandbox/Exchange.ts"
import { PYTHON, runPython } from "./support/Python.ts"

const SCRIPT = join(import.meta.dirname, "exchangelib_client.py")
const hasExchangelib = spawnSync(PYTHON, ["-c", "import exchangelib"]).status === 0
if (!hasExchangelib)
  console.warn("SKIPPED: python3-exchangelib is not installed (apt-get install python3-exchangelib)")
const name = hasExchangelib ? "" : " [SKIPPED: python3-exchangelib is not installed]"

const ADDRESS = "bob@corp.example"
const PASSWORD = "pässword: with colon"

interface SeenCallback {
  readonly path: string
  readonly headers: Readonly<Record<string, string | null>>
  readonly subscriptionIds: ReadonlyArray<string>
  readonly previousWatermarks: ReadonlyArray<string>
  readonly events: ReadonlyArray<{
    readonly type: string
    readonly watermark: string
    readonly itemId: string | null
    readonly unreadCount: number | null
  }>
}

/** What the client prints. */
interface Seen {
  readonly wrongPassword: string
  readonly version: string
  readonly folder: unknown
  readonly items: unknown
  readonly unread: unknown
  readonly names: unknown
  readonly pull: string
  readonly itemId: string
  readonly subscription: { readonly id: string; readonly watermark: string }
  readonly first: SeenCallback
  readonly arrived: SeenCallback
  readonly read: SeenCallback
  readonly deleted: SeenCallback
}

const runClient = (ewsUrl: string, controlUrl: string) =>
  Effect.map(runPython(SCRIPT, [ewsUrl, controlUrl, ADDRESS, PASSWORD]), (seen) => seen as Seen)

it.scopedLive.skipIf(!hasExchangelib)(
  `a client library that nobody here wrote logs in, reads the Inbox, subscribes and understands every callback${name}`,
  () =>
    Effect.gen(function* () {
      const exchange = yield* makeExchange({
        mailboxes: [{ address: ADDRESS, password: PASSWORD, displayName: "Bob" }]
      })
      yield* exchange.deliver({
        to: ADDRESS,
        from: "ann@corp.example",
        fromName: "Ann & Co",
        subject: "old",
        body: "1 < 2",
        isRead: true
      })
      yield* exchange.deliver({ to: ADDRESS, from: "ben@corp.example", subject: "fresh", body: "hello" })

      const seen = yield* runClient(exchange.url, exchange.controlUrl)

      expect(seen.wrongPassword).toBe("refused")
      expect(seen.version).toBe("15.1.2507.39")
      expect(seen.folder).toEqual({ class: "Inbox", unread: 1, total: 2 })
      expect(seen.items).toEqual([
        { subject: "fresh", sender: "ben@corp.example", name: null, text: "hello", read: false },
        { subject: "old", sender: "ann@corp.example", name: "Ann & Co", text: "1 < 2", read: true }
      ])
      expect(seen.unread).toEqual(["fresh"])
      expect(seen.names).toEqual([ADDRESS])
      expect(seen.pull).toBe("accepted")

      const types = (callback: SeenCallback) => callback.events.map((event) => event.type)
      expect(types(seen.first)).toEqual(["StatusEvent"])
      expect(types(seen.arrived)).toEqual(["CreatedEvent", "NewMailEvent", "ModifiedEvent"])
      expect(types(seen.read)).toEqual(["ModifiedEvent", "ModifiedEvent"])
      expect(types(seen.deleted)).toEqual(["DeletedEvent", "ModifiedEvent"])
      expect(seen.arrived.events.map((event) => event.itemId)).toEqual([seen.itemId, seen.itemId, null])
      expect(seen.arrived.events[2]?.unreadCount).toBe(2)
      expect(seen.read.events[1]?.unreadCount).toBe(1)

      let previous = seen.subscription.watermark
      for (const callback of [seen.first, seen.arrived, seen.read, seen.deleted]) {
        expect(callback.subscriptionIds).toEqual([seen.subscription.id])
        expect(callback.previousWatermarks).toEqual([previous])
        previous = callback.events.at(-1)?.watermark ?? ""
      }
      expect(seen.first.path).toBe("/callback?id=7&x=a%2Bb")
      expect(seen.first.headers).toEqual({
        "Content-Type": "text/xml; charset=utf-8",
        SOAPAction: "http://schemas.microsoft.com/exchange/services/2006/messages/SendNotification",
        "User-Agent": null
      })

      yield* exchange.until(() => exchange.subscriptions().some((one) => one.state === "Unsubscribed"))
      expect(exchange.subscriptions().map((one) => one.state)).toEqual(["Unsubscribed", "Active"])
      expect(exchange.failedLogins(ADDRESS)).toBe(1)
    })
)
