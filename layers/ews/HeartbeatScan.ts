import { Either } from "effect"
import type { EventsNotification, EwsEvent, EwsNotification } from "../../schemas/EwsMessage.ts"
import type { SubscriptionId, Watermark } from "../../schemas/Ids.ts"
import { decodeSendNotification } from "./SendNotification.ts"

/**
 * Reads heartbeats without parsing them. A server's heartbeats differ from each other in nothing but an id and two
 * watermarks, so the text around those is learned from a heartbeat that the real reader has read, and the next one is
 * compared with it: the same text around other harmless characters has the same structure, whatever prefixes, comments or
 * white space it is written with. Anything that differs elsewhere is undefined, and left to the real reader.
 */
export interface HeartbeatScan {
  /** Undefined whenever it is not sure. */
  readonly read: (body: Uint8Array) => EventsNotification | undefined
  /** Remembers the form of this body, if it is a heartbeat; `notification` is what the real reader made of it. */
  readonly learn: (body: Uint8Array, notification: EwsNotification) => void
}

/** Forms that are remembered: one per version and kind of server in practice. The longest unused one makes room. */
const FORMS = 8
/** Bytes; real heartbeats have 1,000 to 1,500. */
const LONGEST = 8192

export const makeHeartbeatScan = (): HeartbeatScan => {
  const forms: Array<Form> = []
  return {
    read: (body) => {
      if (forms.length === 0 || body.length > LONGEST) return undefined
      const bytes = bufferOf(body)
      for (let index = 0; index < forms.length; index++) {
        const form = forms[index]!
        const values = match(form, bytes)
        if (values === undefined) continue
        if (index > 0) {
          forms.splice(index, 1)
          forms.unshift(form)
        }
        return notificationOf(form, values)
      }
      return undefined
    },
    learn: (body, notification) => {
      if (body.length > LONGEST) return
      const form = formOf(bufferOf(body), notification)
      if (form === undefined) return
      forms.unshift(form)
      forms.length = Math.min(forms.length, FORMS)
    }
  }
}

type Role = "subscriptionId" | "previousWatermark" | "watermark"

/** `texts[i]` stands before the value of `roles[i]`; the last text stands at the end. */
interface Form {
  readonly texts: ReadonlyArray<Buffer>
  readonly roles: ReadonlyArray<Role>
}

/** Characters of which values consist: of base64, GUIDs and numbers, none with a meaning in XML, none white space. */
const HARMLESS = new Uint8Array(256)
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_.") {
  HARMLESS[character.charCodeAt(0)] = 1
}

const bufferOf = (body: Uint8Array): Buffer =>
  Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)

const match = (form: Form, bytes: Buffer): Array<string> | undefined => {
  const { texts } = form
  const values: Array<string> = []
  let at = 0
  for (let index = 0; ; index++) {
    const around = texts[index]!
    const end = at + around.length
    if (end > bytes.length || bytes.compare(around, 0, around.length, at, end) !== 0) return undefined
    if (index === texts.length - 1) return end === bytes.length ? values : undefined
    at = end
    while (HARMLESS[bytes[at]!] === 1) at++
    if (at === end) return undefined
    values.push(bytes.toString("latin1", end, at))
  }
}

const notificationOf = (form: Form, values: ReadonlyArray<string>): EventsNotification => {
  const valueOf = (role: Role) => values[form.roles.indexOf(role)]
  return {
    _tag: "Events",
    subscriptionId: valueOf("subscriptionId") as SubscriptionId,
    previousWatermark: valueOf("previousWatermark") as Watermark | undefined,
    events: [
      {
        kind: "Status",
        watermark: valueOf("watermark") as Watermark | undefined,
        timestamp: undefined,
        itemId: undefined,
        folderId: undefined,
        parentFolderId: undefined,
        unreadCount: undefined
      }
    ]
  }
}

/**
 * Cuts the text at its values, and proves that the cuts are right: the real reader has to find other values put there in
 * the very same places. A value that also stands in a comment, say, fails the proof and the form is not learned.
 */
const formOf = (bytes: Buffer, notification: EwsNotification): Form | undefined => {
  if (notification._tag !== "Events" || notification.events.length !== 1) return undefined
  const found: ReadonlyArray<readonly [Role, string | undefined]> = [
    ["subscriptionId", notification.subscriptionId],
    ["previousWatermark", notification.previousWatermark],
    ["watermark", notification.events[0]!.watermark]
  ]
  const texts: Array<Buffer> = []
  const roles: Array<Role> = []
  let at = 0
  for (const [role, value] of found) {
    if (value === undefined) continue
    const start = bytes.indexOf(value, at)
    if (start < 0) return undefined
    // Copies: the body may be a piece of a much larger buffer, which would live as long as the form.
    texts.push(Buffer.from(bytes.subarray(at, start)))
    roles.push(role)
    at = start + Buffer.byteLength(value)
  }
  texts.push(Buffer.from(bytes.subarray(at)))
  const form: Form = { texts, roles }
  const values = match(form, bytes)
  return values !== undefined && same(notificationOf(form, values), notification) && proven(form, bytes)
    ? form
    : undefined
}

const proven = (form: Form, bytes: Buffer): boolean => {
  if (bytes.includes("Probe-")) return false
  const probes = form.roles.map((role) => `Probe-${role}`)
  const pieces = form.texts.flatMap((around, index) => [around, Buffer.from(probes[index] ?? "")])
  const read = decodeSendNotification(Buffer.concat(pieces))
  return Either.isRight(read) && same(read.right, notificationOf(form, probes))
}

const same = (one: EwsNotification, other: EwsNotification): boolean => {
  if (one._tag !== "Events" || other._tag !== "Events") return false
  return (
    one.subscriptionId === other.subscriptionId &&
    one.previousWatermark === other.previousWatermark &&
    one.events.length === other.events.length &&
    one.events.every((event, index) => {
      const twin = other.events[index]!
      return (Object.keys(event) as Array<keyof EwsEvent>).every((key) => event[key] === twin[key])
    })
  )
}
