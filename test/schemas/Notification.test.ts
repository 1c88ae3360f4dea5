import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { Announcement } from "../../schemas/Announcement.ts"
import { ItemId, UserId, type UserNumber } from "../../schemas/Ids.ts"
import { type Composing, compose, type NotifiedDevice } from "../../schemas/Notification.ts"
import { PAYLOAD_MAX, payloadBytes } from "../../schemas/NotificationPayload.ts"
import { cleanText } from "../../schemas/NotificationText.ts"
import type { Platform, Policy } from "../../schemas/Push.ts"

const U = UserId.make("ab".repeat(32))
const item = ItemId.make("AAMkAGI2THVSAAA=")
const HOUR = 3_600_000

const composing: Composing = {
  userId: U,
  minPolicy: 0,
  textNewMessage: "New message",
  textNewMessages: "%d new messages",
  now: 1_000
}

const device = (platform: Platform, policy: Policy, more: Partial<NotifiedDevice> = {}): NotifiedDevice => ({
  device: 1,
  token: "token-1",
  platform,
  bundleId: "com.example.mail",
  environment: "production",
  policy,
  sound: null,
  registeredAt: 5,
  ...more
})

const mail = Announcement.NewMail({
  itemId: item,
  sender: "Zoë Ångström",
  subject: "Lunch?",
  preview: "At noon.\r\nBring soup.",
  badge: 7
})
const bare = Announcement.NewMail({ itemId: item, badge: 7 })

/** As the bytes on the wire, so that the order of keys counts as well. */
const wire = (
  platform: Platform,
  policy: Policy,
  announcement: Announcement,
  more?: Partial<NotifiedDevice>
) => {
  const composed = compose(device(platform, policy, more), announcement, composing)
  return composed && JSON.stringify(composed.payload)
}

const ios = (alert: string, sound = `"sound":"default",`) =>
  `{"aps":{"alert":${alert},"badge":7,${sound}"mutable-content":1},"ens":{"action":"newMail","userId":"${U}","messageId":"${item}"}}`
const android = (texts: string) => `{"action":"newMail","userId":"${U}","messageId":"${item}",${texts}}`
const badge7 = `{"aps":{"badge":7},"ens":{"action":"badge","userId":"${U}"}}`

describe("a new mail, word for word", () => {
  const texts = [
    `"title":"Zoë Ångström","subtitle":"Lunch?","body":"At noon.\\nBring soup."`,
    `"title":"Zoë Ångström","subtitle":"Lunch?"`,
    `"title":"Zoë Ångström"`,
    `"body":"New message"`
  ]
  for (const policy of [0, 1, 2, 3] as const) {
    it(`policy ${policy}: iOS with details`, () => {
      expect(wire("iOS", policy, mail)).toBe(ios(`{${texts[policy]}}`))
    })
    it(`policy ${policy}: Android with details`, () => {
      expect(wire("Android", policy, mail)).toBe(android(texts[policy]!))
    })
    it(`policy ${policy}: without details as policy 3`, () => {
      expect(wire("iOS", policy, bare)).toBe(ios(`{${texts[3]}}`))
      expect(wire("Android", policy, bare)).toBe(android(texts[3]!))
    })
  }
  it("policy 4: only the badge on iOS, nothing on Android, with and without details", () => {
    for (const announcement of [mail, bare]) {
      expect(wire("iOS", 4, announcement)).toBe(badge7)
      expect(wire("Android", 4, announcement)).toBeUndefined()
    }
  })
  it("policy 4: nothing on iOS while the badge is unknown or unchanged", () => {
    expect(wire("iOS", 4, Announcement.NewMail({ itemId: item, sender: "A" }))).toBeUndefined()
  })
  it("leaves the badge out while it is unknown or unchanged", () => {
    expect(wire("iOS", 3, Announcement.NewMail({ itemId: item }))).toBe(
      `{"aps":{"alert":{"body":"New message"},"sound":"default","mutable-content":1},"ens":{"action":"newMail","userId":"${U}","messageId":"${item}"}}`
    )
  })
  it("plays the device's sound, none for an empty one", () => {
    expect(wire("iOS", 2, mail, { sound: "ding.caf" })).toBe(ios(`{${texts[2]}}`, `"sound":"ding.caf",`))
    expect(wire("iOS", 2, mail, { sound: "" })).toBe(ios(`{${texts[2]}}`, ""))
  })
  it("without a sender says that there is a new message", () => {
    const nobody = Announcement.NewMail({ itemId: item, subject: "Lunch?", preview: "At noon.", badge: 7 })
    expect(wire("iOS", 0, nobody)).toBe(ios(`{"subtitle":"Lunch?","body":"At noon."}`))
    expect(wire("iOS", 1, nobody)).toBe(ios(`{"subtitle":"Lunch?","body":"New message"}`))
    expect(wire("iOS", 2, nobody)).toBe(ios(`{"body":"New message"}`))
  })
  it("leaves out an empty subject and a missing preview", () => {
    const short = Announcement.NewMail({ itemId: item, sender: "A", subject: " ", badge: 7 })
    expect(wire("iOS", 0, short)).toBe(ios(`{"title":"A"}`))
  })
})

describe("the other announcements", () => {
  const ids = Array.from({ length: 12 }, (_, i) => ItemId.make(`id${i}`))
  const ten = `["id0","id1","id2","id3","id4","id5","id6","id7","id8","id9"]`
  const summary = Announcement.Summary({ count: 12, messageIds: ids, badge: 30 })

  it("a summary names the count and at most ten mails", () => {
    for (const policy of [0, 1, 2, 3] as const) {
      expect(wire("iOS", policy, summary)).toBe(
        `{"aps":{"alert":{"body":"12 new messages"},"badge":30,"sound":"default","mutable-content":1},"ens":{"action":"newMail","userId":"${U}","count":12,"messageIds":${ten}}}`
      )
      expect(wire("Android", policy, summary)).toBe(
        `{"action":"newMail","userId":"${U}","count":"12","messageIds":${JSON.stringify(ten)},"body":"12 new messages"}`
      )
    }
    expect(wire("iOS", 4, summary)).toBe(`{"aps":{"badge":30},"ens":{"action":"badge","userId":"${U}"}}`)
    expect(wire("Android", 4, summary)).toBeUndefined()
  })
  it("a badge is for iOS only", () => {
    expect(wire("iOS", 0, Announcement.Badge({ count: 7 }))).toBe(badge7)
    expect(wire("iOS", 0, Announcement.Badge({ count: 0 }))).toContain(`"badge":0`)
    expect(wire("Android", 0, Announcement.Badge({ count: 7 }))).toBeUndefined()
  })
  it("a silent push asks to register, whatever the policy", () => {
    for (const policy of [0, 4] as const) {
      expect(wire("iOS", policy, Announcement.Resubscribe({ reason: "overdue" }))).toBe(
        `{"aps":{"content-available":1},"ens":{"action":"resubscribe","userId":"${U}","reason":"overdue"}}`
      )
      expect(wire("Android", policy, Announcement.Resubscribe({ reason: "credentials" }))).toBe(
        `{"action":"resubscribe","userId":"${U}","reason":"credentials"}`
      )
    }
  })
  it("each has its kind, priority and life", () => {
    const facts = (platform: Platform, policy: Policy, announcement: Announcement) => {
      const it = compose(device(platform, policy), announcement, composing)!
      return [it.kind, it.priority, it.expiresAt - composing.now]
    }
    const silent = Announcement.Resubscribe({ reason: "overdue" })
    expect(facts("iOS", 1, mail)).toEqual(["newMail", "high", 24 * HOUR])
    expect(facts("iOS", 1, summary)).toEqual(["summary", "high", 24 * HOUR])
    expect(facts("iOS", 4, mail)).toEqual(["badge", "high", HOUR])
    expect(facts("iOS", 1, Announcement.Badge({ count: 1 }))).toEqual(["badge", "normal", HOUR])
    expect(facts("iOS", 1, silent)).toEqual(["resubscribe", "normal", HOUR])
    expect(facts("Android", 1, silent)).toEqual(["resubscribe", "high", HOUR])
  })
  it("go where the device is", () => {
    expect(compose(device("iOS", 1, { environment: "sandbox" }), mail, composing)!.target).toEqual({
      token: "token-1",
      platform: "iOS",
      bundleId: "com.example.mail",
      environment: "sandbox",
      registeredAt: 5
    })
    const endpoint = { arn: "arn:aws:sns:eu-central-1:123456789012:endpoint/APNS/ens/1", registeredAt: 4 }
    const user = "7" as UserNumber
    expect(compose(device("iOS", 1, { endpoint }), mail, { ...composing, user })!.target).toMatchObject({
      endpoint,
      user
    })
  })
})

describe("the floor", () => {
  it("wins over a lower policy and never loosens one", () => {
    const with2 = { ...composing, minPolicy: 2 as const }
    expect(compose(device("iOS", 0), mail, with2)?.payload).toEqual(
      compose(device("iOS", 2), mail, composing)?.payload
    )
    expect(compose(device("iOS", 3), mail, with2)?.payload).toEqual(
      compose(device("iOS", 3), mail, composing)?.payload
    )
  })
})

describe("the id", () => {
  const idOf = (announcement: Announcement, more: Partial<NotifiedDevice> = {}, userId = U) =>
    compose(device("iOS", 0, more), announcement, { ...composing, userId })!.id

  it("is the same in a repeat with other details, another policy, token and time", () => {
    expect(idOf(bare, { policy: 3, token: "token-2" })).toBe(idOf(mail))
    expect(compose(device("iOS", 0), mail, { ...composing, now: 9 })!.id).toBe(idOf(mail))
  })
  it("differs between users, devices, mails and kinds", () => {
    const other = Announcement.NewMail({ itemId: ItemId.make("other"), badge: 7 })
    const ids = [
      idOf(mail),
      idOf(other),
      idOf(mail, { device: 2 }),
      idOf(mail, {}, UserId.make("cd".repeat(32))),
      idOf(Announcement.Badge({ count: 1 })),
      idOf(Announcement.Resubscribe({ reason: "overdue" })),
      idOf(Announcement.Summary({ count: 2, messageIds: [item, ItemId.make("third")] }))
    ]
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]{1,64}$/)
  })
  it("of a summary stays while newer mails join, and differs from that of the next summary", () => {
    const [a, b, c] = [ItemId.make("a"), ItemId.make("b"), ItemId.make("c")]
    const first = idOf(Announcement.Summary({ count: 2, messageIds: [b, a] }))
    expect(idOf(Announcement.Summary({ count: 3, messageIds: [c, b, a] }))).toBe(first)
    expect(idOf(Announcement.Summary({ count: 2, messageIds: [c, b] }))).not.toBe(first)
  })
  it("of a summary is that of its oldest mail, so that it replaces one that was told alone", () => {
    expect(idOf(Announcement.Summary({ count: 2, messageIds: [ItemId.make("newer"), item] }))).toBe(
      idOf(mail)
    )
  })
  it("of a badge is the device's, so that the newer number replaces the older", () => {
    expect(idOf(Announcement.Badge({ count: 1 }))).toBe(idOf(Announcement.Badge({ count: 2 })))
  })
})

describe("cutting to size", () => {
  const text = FastCheck.string({
    unit: FastCheck.constantFrom("a", `"`, "é", "漢", "😀", "👨‍👩‍👧", "\u0301", "\ud800"),
    maxLength: 4000,
    size: "max"
  })
  const anyDevice = FastCheck.record({
    platform: FastCheck.constantFrom<Platform>("iOS", "Android"),
    policy: FastCheck.constantFrom<Policy>(0, 1, 2, 3),
    sound: FastCheck.option(FastCheck.string({ maxLength: 6000, size: "max" }))
  })

  interface Seen {
    readonly title?: string
    readonly subtitle?: string
    readonly body?: string
    readonly messageId?: string
    readonly messageIds?: ReadonlyArray<string> | string
    readonly aps?: { readonly alert: Seen }
    readonly ens?: Seen
  }
  const parts = (payload: Seen): Seen => payload.aps?.alert ?? payload
  const about = (payload: Seen): Seen => payload.ens ?? payload

  it("no mail's payload is over the limit, broken or without text, and its id is whole", () => {
    FastCheck.assert(
      FastCheck.property(
        anyDevice,
        FastCheck.record({ sender: text, subject: text, preview: text }),
        FastCheck.integer({ min: 1, max: 3000 }),
        ({ platform, policy, sound }, details, idLength) => {
          const itemId = ItemId.make("x".repeat(idLength))
          const announcement = Announcement.NewMail({ itemId, badge: 7, ...details })
          const { payload } = compose(device(platform, policy, { sound }), announcement, composing)!
          expect(payloadBytes(payload)).toBeLessThanOrEqual(PAYLOAD_MAX)
          expect(JSON.stringify(payload).isWellFormed()).toBe(true)
          expect(about(payload).messageId).toBe(itemId)
          const { title, subtitle, body } = parts(payload)
          expect(title ?? subtitle ?? body).toBeDefined()
          for (const [cut, whole] of [
            [title, cleanText(details.sender, "one")],
            [subtitle, cleanText(details.subject, "one")],
            [body, (policy === 0 ? cleanText(details.preview, "many") : undefined) ?? "New message"]
          ] as const) {
            expect(cut).not.toBe("")
            if (cut !== undefined) expect(whole?.startsWith(cut)).toBe(true)
          }
        }
      ),
      { numRuns: 150 }
    )
  })

  it("no summary's payload is over the limit, and each id in it is whole", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.constantFrom<Platform>("iOS", "Android"),
        FastCheck.array(FastCheck.string({ minLength: 1, maxLength: 2000, size: "max" }), { maxLength: 15 }),
        (platform, ids) => {
          const messageIds = ids.map((id) => ItemId.make(id))
          const announcement = Announcement.Summary({ count: ids.length, messageIds })
          const { payload } = compose(device(platform, 0), announcement, composing)!
          expect(payloadBytes(payload)).toBeLessThanOrEqual(PAYLOAD_MAX)
          expect(parts(payload).body).toBe(`${ids.length} new messages`)
          const inPayload = about(payload).messageIds!
          const named: ReadonlyArray<string> =
            typeof inPayload === "string" ? JSON.parse(inPayload) : inPayload
          expect(named).toEqual(ids.slice(0, named.length))
          expect(named.length).toBeLessThanOrEqual(10)
        }
      ),
      { numRuns: 100 }
    )
  })

  it("uses the room there is, and gives up the body before the subject before the sender", () => {
    const long = { sender: "s".repeat(300), subject: "u".repeat(300), preview: "ü".repeat(4000) }
    const { payload } = compose(device("iOS", 0), Announcement.NewMail({ itemId: item, ...long }), composing)!
    const { title, subtitle, body } = parts(payload)
    expect([title, subtitle]).toEqual([long.sender, long.subject])
    expect(body?.length).toBeGreaterThan(1000)
    expect(payloadBytes(payload)).toBeGreaterThan(PAYLOAD_MAX - 3)

    const huge = { sender: "s".repeat(300), subject: "u".repeat(4096), preview: "gone" }
    const cut = parts(
      compose(device("iOS", 0), Announcement.NewMail({ itemId: item, ...huge }), composing)!.payload
    )
    expect(cut.title).toBe(huge.sender)
    expect(cut.subtitle?.length).toBeGreaterThan(3000)
    expect(cut).not.toHaveProperty("body")
  })

  it("leaves out an id that would leave the text no room", () => {
    const itemId = ItemId.make("x".repeat(5000))
    const { payload } = compose(device("iOS", 2), Announcement.NewMail({ itemId, sender: "A" }), composing)!
    expect(payload).toEqual({
      aps: { alert: { title: "A" }, sound: "default", "mutable-content": 1 },
      ens: { action: "newMail", userId: U }
    })
  })

  it("does not split a family", () => {
    const preview = "👨‍👩‍👧".repeat(500)
    const { payload } = compose(device("iOS", 0), Announcement.NewMail({ itemId: item, preview }), composing)!
    expect(parts(payload).body).toMatch(/^(?:👨‍👩‍👧)+$/u)
  })
})
