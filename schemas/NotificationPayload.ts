import type { UserId } from "./Ids.ts"
import { cutText, jsonBytes, type NotificationText } from "./NotificationText.ts"
import type { Platform } from "./Push.ts"

/** Bytes of UTF-8 JSON that a payload may have: APNs' limit, and FCM's. */
export const PAYLOAD_MAX = 4096

/** The parts of a visible notification, before it is cut to size. */
export interface Alert {
  readonly text: NotificationText
  readonly badge: number | undefined
  /** As the device chose it: null = default, "" = none. */
  readonly sound: string | null
  readonly userId: UserId
  /** One mail's id (left out if it is too long), or the ids of a summary. */
  readonly about:
    | { readonly messageId?: string }
    | { readonly count: number; readonly messageIds: ReadonlyArray<string> }
}

type Payload = Readonly<Record<string, unknown>>

/**
 * A visible notification of at most `PAYLOAD_MAX` bytes. What does not fit is cut from the body, then the subtitle, then
 * the title. An id is never cut: one that would leave the text no room is left out.
 */
export const alertPayload = (platform: Platform, alert: Alert): Payload => {
  const build = platform === "iOS" ? iosAlert : androidAlert
  const sounding = { ...alert, sound: knownSound(alert.sound) }
  return surelyFits(alert) ? build(sounding) : fitTexts(build, fitIds(build, sounding))
}

/** The number on the icon; iOS only, because Android has no such thing. */
export const badgePayload = (userId: UserId, badge: number): Payload => ({
  aps: { badge },
  ens: { action: "badge", userId }
})

/** Wakes the app without showing anything. */
export const silentPayload = (platform: Platform, userId: UserId, reason: string): Payload => {
  const ens = { action: "resubscribe", userId, reason }
  return platform === "iOS" ? { aps: { "content-available": 1 }, ens } : ens
}

/** UTF-8 bytes of the payload as JSON. */
export const payloadBytes = (payload: Payload): number => Buffer.byteLength(JSON.stringify(payload), "utf8")

type Build = (alert: Alert) => Payload

const iosAlert: Build = ({ about, badge, sound, text, userId }) => ({
  aps: {
    alert: text,
    ...(badge === undefined ? {} : { badge }),
    ...(sound === "" ? {} : { sound: sound ?? "default" }),
    "mutable-content": 1
  },
  ens: { action: "newMail", userId, ...about }
})

// FCM's data messages know only strings, so the list of ids travels as JSON.
const androidAlert: Build = ({ about, text, userId }) => ({
  action: "newMail",
  userId,
  ...("count" in about
    ? { count: String(about.count), messageIds: JSON.stringify(about.messageIds) }
    : about),
  ...text
})

/** Bytes that the text gets before an id may be named: enough for a sender. */
const ROOM_FOR_TEXT = 256

/** No app's sound file has a longer name; a longer one would eat the text's room. */
const SOUND_MAX = 128

const knownSound = (sound: string | null) => (sound !== null && sound.length > SOUND_MAX ? null : sound)

/** What goes around texts and ids takes fewer bytes, and no character of a JSON string more than these. */
const FRAME_MAX = 512
const CHARACTER_MAX = 6

/** Most mails are far from the limit, which is seen without writing and measuring the payload. */
const surelyFits = ({ about, text }: Alert): boolean => {
  if ("count" in about) return false
  const { body = "", subtitle = "", title = "" } = text
  const characters = title.length + subtitle.length + body.length + (about.messageId?.length ?? 0)
  return FRAME_MAX + CHARACTER_MAX * characters <= PAYLOAD_MAX
}

const textBytes = (text: NotificationText) =>
  Object.values(text).reduce((sum: number, part: string) => sum + jsonBytes(part), 0)

const fitIds = (build: Build, alert: Alert): Alert => {
  const { about, text } = alert
  const spare = Math.max(0, textBytes(text) - ROOM_FOR_TEXT)
  const fits = (one: Alert) => payloadBytes(build(one)) - spare <= PAYLOAD_MAX
  if (fits(alert)) return alert
  if (!("count" in about)) return { ...alert, about: {} }
  let kept = about.messageIds.length
  let shorter = alert
  while (kept > 0 && !fits(shorter)) {
    kept--
    shorter = { ...alert, about: { ...about, messageIds: about.messageIds.slice(0, kept) } }
  }
  return shorter
}

const fitTexts = (build: Build, alert: Alert): Payload => {
  let fitted = alert
  for (const part of ["body", "subtitle", "title"] as const) {
    const excess = payloadBytes(build(fitted)) - PAYLOAD_MAX
    const whole = fitted.text[part]
    if (excess <= 0) break
    if (whole === undefined) continue
    const { [part]: _, ...rest } = fitted.text
    const cut = cutText(whole, jsonBytes(whole) - excess)
    fitted = { ...fitted, text: cut === "" ? rest : { ...fitted.text, [part]: cut } }
  }
  return build(fitted)
}
