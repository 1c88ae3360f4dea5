import { hostname } from "node:os"
import { Cause, FiberId, HashMap, Inspectable, Logger } from "effect"
import type { SettingsShape } from "../../schemas/Settings.ts"

export type LogFormat = SettingsShape["log"]["format"]

/** A logger that makes one line (without line end) of every message. */
export const formats = (color: boolean): Record<LogFormat, Logger.Logger<unknown, string>> => ({
  json: Logger.map(record, json),
  ens2: Logger.map(record, ens2),
  pretty: Logger.map(record, pretty(color))
})

/** What all formats show. */
interface Line {
  readonly at: Date
  readonly level: string
  /** The part of the program that speaks: the annotation `logger`. */
  readonly logger: string
  readonly message: string
  readonly activityId: string
  readonly userId: string
  readonly others: Readonly<Record<string, string | number | boolean>>
  /** "" if nothing failed. */
  readonly cause: string
  readonly thread: number
}

const record = Logger.make<unknown, Line>(({ annotations, cause, date, fiberId, logLevel, message }) => {
  const {
    logger = "ENS",
    activityId = "",
    userId = "",
    ...others
  } = Object.fromEntries(HashMap.toEntries(annotations).map(([key, value]) => [key, plain(value)]))
  const parts = [message].flat()
  return {
    at: date,
    level: logLevel.label,
    logger: String(logger),
    message: parts
      .filter((part) => !isDetails(part))
      .map(text)
      .join(" "),
    activityId: String(activityId),
    userId: String(userId),
    others: { ...others, ...detailsOf(parts) },
    cause: Cause.isEmpty(cause) ? "" : Cause.pretty(cause, { renderErrorCause: true }),
    thread: FiberId.ids(fiberId)[Symbol.iterator]().next().value ?? 0
  }
})

/** `Effect.log("what happened", { why })`: plain objects are details, like annotations for this line alone. */
const isDetails = (part: unknown): part is Record<string, unknown> =>
  typeof part === "object" && part !== null && Object.getPrototypeOf(part) === Object.prototype

const detailsOf = (parts: ReadonlyArray<unknown>) =>
  Object.fromEntries(
    parts
      .filter(isDetails)
      .flatMap(Object.entries)
      .map(([key, value]) => [key, plain(value)])
  )

const plain = (value: unknown): string | number | boolean =>
  typeof value === "number" || typeof value === "boolean" ? value : text(value)

const text = (value: unknown): string =>
  value instanceof Error ? errorText(value, 3) : Inspectable.toStringUnknown(value, 0)

const errorText = (error: Error, depth: number): string =>
  `${error.name}: ${error.message}` +
  (error.cause instanceof Error && depth > 0 ? ` (${errorText(error.cause, depth - 1)})` : "")

const json = (line: Line): string =>
  JSON.stringify({
    at: line.at.toISOString(),
    level: line.level.toLowerCase(),
    logger: line.logger,
    message: line.message,
    activityId: line.activityId === "" ? undefined : line.activityId,
    userId: line.userId === "" ? undefined : line.userId,
    // Under a name of its own: an annotation must not pass for one of the fields above.
    data: Object.keys(line.others).length === 0 ? undefined : line.others,
    cause: line.cause === "" ? undefined : line.cause
  })

/** The legacy line, in UTC: old search patterns and log shippers go on working. Nothing in it breaks the line. */
const ens2 = (line: Line): string => {
  const at = line.at.toISOString().replaceAll("-", "/").replace("T", " ").replace("Z", "")
  const activity = line.activityId === "" ? NO_ACTIVITY : line.activityId
  const others = Object.entries(line.others).map(([key, value]) => ` ${key}:[${value}]`)
  const cause = line.cause === "" ? "" : ` Exception:[${line.cause}]`
  return oneLine(
    `${at} ${HOST} ${activity} [0000000-0000000] (${line.thread}) ${ENS2_LEVELS[line.level] ?? "Info"} ${line.logger} User Id:[${line.userId}] ${line.message}${others.join("")}${cause}`
  )
}

const HOST = hostname()
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
      .concat(line.cause === "" ? "" : `\n${line.cause}`)
  }

const COLORS: Readonly<Record<string, number>> = { WARN: 33, ERROR: 31, FATAL: 31, DEBUG: 2, TRACE: 2 }

const clock = (at: Date) =>
  [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":") +
  `.${String(at.getMilliseconds()).padStart(3, "0")}`

const oneLine = (text: string) => text.replace(/\s*[\r\n\u2028\u2029]+\s*/g, " | ")
