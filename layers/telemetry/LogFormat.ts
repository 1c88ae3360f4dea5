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
    return [
      paint(2, clock(line.at)),
      paint(COLORS[line.level] ?? 0, line.level.padEnd(5)),
      paint(1, line.logger),
      oneLine(line.message),
      ...(others.length === 0 ? [] : [paint(2, others.join(" "))])
    ]
      .join(" ")
      .concat(cause === "" ? "" : `\n${cause}`)
  }

const COLORS: Readonly<Record<string, number>> = { WARN: 33, ERROR: 31, FATAL: 31, DEBUG: 2, TRACE: 2 }

const clock = (at: Date) =>
  [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":") +
  `.${String(at.getMilliseconds()).padStart(3, "0")}`

const oneLine = (text: string) => text.replace(/\s*[\r\n\u2028\u2029]+\s*/g, " | ")
