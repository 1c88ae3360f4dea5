/** What a phone makes of a notification. */
export interface Shown {
  /** `alert` is on the screen, `badge` only changes the number on the icon, `silent` wakes the app, `nothing` is ignored. */
  readonly kind: "alert" | "badge" | "silent" | "nothing"
  readonly title: string
  readonly subtitle: string
  readonly body: string
  /** undefined = stays as it is. */
  readonly badge: number | undefined
  readonly sound: string | undefined
  readonly action: string
  /** Why the app is asked to register, for `resubscribe`. */
  readonly reason: string
  readonly itemIds: ReadonlyArray<string>
}

/** Reads an APNs payload (iOS) or the string map of an FCM data message (Android), as the app does. */
export const show = (platform: "iOS" | "Android", payload: unknown): Shown =>
  platform === "iOS" ? showIos(record(payload)) : showAndroid(record(payload))

/** One line, as the phone would show it. */
export const renderShown = (shown: Shown): string => {
  const badge = shown.badge === undefined ? "" : `[badge ${shown.badge}]`
  switch (shown.kind) {
    case "alert":
      return [[shown.title, shown.subtitle, shown.body].filter((text) => text !== "").join(" | "), badge]
        .filter((text) => text !== "")
        .join("  ")
    case "badge":
      return badge
    case "silent":
      return `(silent: ${shown.action}${shown.reason === "" ? "" : `, ${shown.reason}`})`
    case "nothing":
      return "(nothing)"
  }
}

const showIos = (payload: Fields): Shown => {
  const aps = record(payload["aps"])
  const alert = record(aps["alert"])
  const ens = record(payload["ens"])
  const badge = typeof aps["badge"] === "number" ? aps["badge"] : undefined
  const kind =
    "alert" in aps
      ? "alert"
      : badge !== undefined
        ? "badge"
        : "content-available" in aps
          ? "silent"
          : "nothing"
  const ids = Array.isArray(ens["messageIds"]) ? ens["messageIds"].map(String) : []
  return {
    kind,
    title: text(alert["title"]),
    subtitle: text(alert["subtitle"]),
    body: text(alert["body"]),
    badge,
    sound: typeof aps["sound"] === "string" ? aps["sound"] : undefined,
    action: text(ens["action"]),
    reason: text(ens["reason"]),
    itemIds: typeof ens["messageId"] === "string" ? [ens["messageId"]] : ids
  }
}

const showAndroid = (data: Fields): Shown => {
  const action = text(data["action"])
  const kind = action === "newMail" ? "alert" : action === "resubscribe" ? "silent" : "nothing"
  const ids = text(data["messageIds"])
  return {
    kind,
    title: text(data["title"]),
    subtitle: text(data["subtitle"]),
    body: text(data["body"]),
    badge: undefined,
    sound: undefined,
    action,
    reason: text(data["reason"]),
    itemIds: typeof data["messageId"] === "string" ? [data["messageId"]] : listOf(ids)
  }
}

type Fields = Readonly<Record<string, unknown>>

const record = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {}

const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** FCM knows only strings: a list comes as JSON, or with commas. */
const listOf = (ids: string): ReadonlyArray<string> => {
  if (ids === "") return []
  if (!ids.startsWith("[")) return ids.split(",")
  try {
    const parsed: unknown = JSON.parse(ids)
    return Array.isArray(parsed) ? parsed.map(String) : []
  } catch {
    return []
  }
}
