import { Cause, FiberId, HashMap, Inspectable, Logger } from "effect"

/** What all formats show. */
export interface Line {
  readonly at: Date
  readonly level: string
  /** The part of the program that speaks: the annotation `logger`. */
  readonly logger: string
  readonly message: string
  readonly activityId: string
  readonly userId: string
  readonly others: Readonly<Record<string, string | number | boolean>>
  /** Empty if nothing failed. */
  readonly cause: Cause.Cause<unknown>
  /** Errors that stand in the message. */
  readonly errors: ReadonlyArray<Error>
  readonly thread: number
}

/** Reads what somebody logged: annotations `logger`, `activityId`, `userId` and others; plain objects are details. */
export const lineLogger: Logger.Logger<unknown, Line> = Logger.make(
  ({ annotations, cause, date, fiberId, logLevel, message }) => {
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
      cause,
      errors: parts.filter((part) => part instanceof Error),
      thread: FiberId.ids(fiberId)[Symbol.iterator]().next().value ?? 0
    }
  }
)

/** The cause as text below a line; "" if nothing failed. */
export const causeText = ({ cause }: Line): string =>
  Cause.isEmpty(cause) ? "" : Cause.pretty(cause, { renderErrorCause: true })

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
