import { Logger } from "effect"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { ecsLine } from "./EcsLine.ts"
import { host } from "./Identity.ts"
import { causeText, type Line, lineLogger } from "./LogLine.ts"

export type LogFormat = SettingsShape["log"]["format"]

/** A logger that makes one line (without line end) of every message. */
export const formats = (color: boolean): Record<LogFormat, Logger.Logger<unknown, string>> => ({
  json: Logger.map(lineLogger, ecsLine),
  ens2: Logger.map(lineLogger, ens2),
  pretty: Logger.map(lineLogger, pretty(color))
})

/** The legacy line, in UTC: old search patterns and log shippers go on working. Nothing in it breaks the line. */
const ens2 = (line: Line): string => {
  const at = line.at.toISOString().replaceAll("-", "/").replace("T", " ").replace("Z", "")
  const activity = line.activityId === "" ? NO_ACTIVITY : line.activityId
  const others = Object.entries(line.others).map(([key, value]) => ` ${key}:[${value}]`)
  const text = causeText(line)
  const cause = text === "" ? "" : ` Exception:[${text}]`
  return oneLine(
    `${at} ${host} ${activity} [0000000-0000000] (${line.thread}) ${ENS2_LEVELS[line.level] ?? "Info"} ${line.logger} User Id:[${line.userId}] ${line.message}${others.join("")}${cause}`
  )
}

const NO_ACTIVITY = "00000000-0000-0000-0000-000000000000"
const ENS2_LEVELS: Readonly<Record<string, string>> = {
  TRACE: "Trace",
  DEBUG: "Debug",
  INFO: "Info",
  WARN: "Warn",
  ERROR: "Error",
  FATAL: "Fatal"
}

/** For eyes: local time, short ids, causes below. */
const pretty =
  (color: boolean) =>
  (line: Line): string => {
    const paint = (code: number, part: string) => (color ? `\u001b[${code}m${part}\u001b[0m` : part)
    const cause = causeText(line)
    const others = Object.entries({
      ...(line.userId === "" ? {} : { user: line.userId.slice(0, 8) }),
      ...(line.activityId === "" ? {} : { activity: line.activityId.slice(0, 8) }),
      ...line.others
    }).map(([key, value]) => oneLine(`${key}=${value}`))
    return (
      [
        paint(2, clock(line.at)),
        paint(COLORS[line.level] ?? 0, line.level.padEnd(5)),
        paint(1, oneLine(line.logger)),
        oneLine(line.message),
        ...(others.length === 0 ? [] : [paint(2, others.join(" "))])
      ]
        .join(" ")
        // Moved in, so that no text of others looks like the next line.
        .concat(cause === "" ? "" : `\n${visible(cause.replace(BREAK, "\n")).replace(/^/gm, "    ")}`)
    )
  }

const BREAK = /\r\n|[\r\v\f\u0085\u2028\u2029]/g
const COLORS: Readonly<Record<string, number>> = { WARN: 33, ERROR: 31, FATAL: 31, DEBUG: 2, TRACE: 2 }

const clock = (at: Date) =>
  [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":") +
  `.${String(at.getMilliseconds()).padStart(3, "0")}`

const oneLine = (text: string) => visible(text.replace(BREAKS, " | "))

/** From the start of the white space on: a long row of blanks would be read again from each of them. */
const BREAKS = /(?<!\s)\s*[\r\n\v\f\u0085\u2028\u2029]+\s*/g

/** What steers a terminal, or turns the order of the text around, is shown and not done. */
const visible = (text: string) =>
  STEERING.test(text) ? text.replace(ALL_STEERING, (character) => `\\u${hex(character)}`) : text

/** Control characters but tab and line feed, and those of bidirectional text. */
const STEERING = /(?![\t\n])[\p{Cc}\u202a-\u202e\u2066-\u2069]/u
const ALL_STEERING = new RegExp(STEERING, "gu")
const hex = (character: string) => character.charCodeAt(0).toString(16).padStart(4, "0")
