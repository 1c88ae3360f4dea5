import type { UserPage, UserView } from "../../schemas/ConsoleApi.ts"
import type { HistoryEvent } from "../../schemas/History.ts"

/** A user as an administrator reads it: state and advice first, then the rest; times are this machine's. */
export const userText = ({ userId, users }: UserPage): string =>
  [`user ${userId}`, ...users.flatMap((user) => ["", ...sections(user)]), "", LATE].map(printable).join("\n")

/** Some of it comes from devices and gateways: nothing of it may steer the terminal or turn the line around. */
export const printable = (line: string): string =>
  line.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd")

const LATE = "From the database: while the service runs, events of the last seconds may be missing."

const sections = (user: UserView): ReadonlyArray<string> => [
  `tenant ${user.tenant}: ${user.state}${user.stateSince === null ? "" : ` since ${local(user.stateSince)}`}`,
  `  ${user.advice === "" ? "all is well" : user.advice}`,
  "",
  "subscription",
  ...subscription(user),
  "",
  "devices",
  ...(user.devices.length === 0 ? ["  none"] : user.devices.flatMap(device)),
  "",
  `what happened, the newest first (times: ${Intl.DateTimeFormat().resolvedOptions().timeZone})`,
  ...(user.events.length === 0 ? ["  nothing is known"] : user.events.map(event)),
  ...(user.deadLetters.length === 0
    ? []
    : [
        "",
        "given up",
        ...user.deadLetters.map(({ at, reason, what }) => `  ${local(at)}  ${what}: ${reason}`)
      ])
]

const subscription = (user: UserView): ReadonlyArray<string> => {
  const made = `known since ${local(user.createdAt)}`
  if (user.subscribedAt === null) return [`  none; ${made}`]
  const { unread, waiting } = user
  return [
    `  Exchange     ${user.ewsHost ?? "unknown"} (${user.exchangeVersion}, ${user.authType})`,
    `  made         ${local(user.subscribedAt)}, generation ${user.generation}; ${made}`,
    `  last heard   ${user.lastHeard === null ? "never" : local(user.lastHeard)}`,
    ...(user.tokenExpiresAt === null ? [] : [`  token        expires ${local(user.tokenExpiresAt)}`]),
    `  unread       ${unread ?? "unknown"}`,
    `  waiting      ${waiting === 0 ? "nothing" : `${waiting} for a push gateway`}`
  ]
}

const device = (one: UserView["devices"][number]): ReadonlyArray<string> => [
  `  device ${one.device}     ${one.platform} ${one.bundleId}, policy ${one.policy}, ${one.environment}, push token ${one.tokenDigest}`,
  `               registered ${local(one.registeredAt)}, seen ${local(one.seenAt)}${one.nudgedAt === null ? "" : `, asked ${local(one.nudgedAt)}`}`
]

const event = ({ at, detail, kind, since, times }: HistoryEvent): string => {
  const often = times > 1 ? ` ×${times}` : ""
  const from = since === undefined ? "" : `${detail === "" ? "" : "; "}since ${local(since)}`
  return `  ${local(at)}  ${`${kind}${often}`.padEnd(13)} ${detail}${from}`.trimEnd()
}

/** `2026-03-04 05:06:07`, in the zone of this machine. */
const local = (at: number): string => {
  const date = new Date(at)
  const two = (value: number) => String(value).padStart(2, "0")
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-")
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`
}
