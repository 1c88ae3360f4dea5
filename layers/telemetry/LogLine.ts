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
    } = Object.fromEntries(HashMap.toEntries(annotations).map(([key, value]) => [bounded(key), plain(value)]))
    const parts = [message].flat()
    return {
      at: date,
      level: logLevel.label,
      logger: String(logger),
      message: bounded(
        parts
          .filter((part) => !isDetails(part))
          .map(text)
          .join(" ")
      ),
      activityId: String(activityId),
      userId: String(userId),
      others: { ...others, ...detailsOf(parts) },
      cause: readable(() => discreet(cause), Cause.empty),
      errors: parts.filter(isError),
      thread: FiberId.ids(fiberId)[Symbol.iterator]().next().value ?? 0
    }
  }
)

/** The cause as text below a line; "" if nothing failed. */
export const causeText = ({ cause }: Line): string =>
  Cause.isEmpty(cause)
    ? ""
    : bounded(
        readable(() => Cause.pretty(cause, { renderErrorCause: true }), UNREADABLE),
        CAUSE_LONGEST
      )

/**
 * Without what defects say of themselves, which may quote what they stumbled over: a password, a subject. Kind and place stay.
 * Failures are ours, with texts made for the log.
 */
const discreet = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Cause.match(cause, {
    onEmpty: Cause.empty as Cause.Cause<unknown>,
    onFail: (failure) => Cause.fail(failure),
    onDie: (defect) => Cause.die(withoutText(defect)),
    onInterrupt: (by) => Cause.interrupt(by),
    onSequential: (left, right) => Cause.sequential(left, right),
    onParallel: (left, right) => Cause.parallel(left, right)
  })

const withoutText = (defect: unknown): Error => {
  const shown = new Error("a bug")
  if (!isError(defect)) {
    shown.name = typeof defect
    delete shown.stack
    return shown
  }
  // The stack begins with the text, which may have lines that look like frames.
  const { message, name, stack = "" } = defect
  const text = stack.indexOf(message)
  const frames =
    text < 0
      ? []
      : stack
          .slice(text + message.length)
          .split("\n")
          .filter((line) => line.startsWith("    at "))
  shown.name = name
  shown.stack = [`${name}: ${shown.message}`, ...frames].join("\n")
  return shown
}

/** What reads values of others, whose getters may throw: whoever logs must not fail for it. */
export const readable = <A, B>(read: () => A, otherwise: B): A | B => {
  try {
    return read()
  } catch {
    return otherwise
  }
}

/** A line is kept, searched and sent by many; what is longer is no text for anybody. Characters. */
export const bounded = (value: string, longest = LONGEST): string =>
  value.length <= longest ? value : `${value.slice(0, longest)}… (${value.length} characters)`

const LONGEST = 10_000
const CAUSE_LONGEST = 50_000
const UNREADABLE = "<unreadable>"

/** `Effect.log("what happened", { why })`: plain objects are details, like annotations for this line alone. */
const isDetails = (part: unknown): part is Record<string, unknown> =>
  typeof part === "object" &&
  part !== null &&
  readable(() => Object.getPrototypeOf(part) === Object.prototype, false)

const isError = (part: unknown): part is Error => readable(() => part instanceof Error, false)

const detailsOf = (parts: ReadonlyArray<unknown>) =>
  Object.fromEntries(
    parts
      .filter(isDetails)
      .flatMap((part) =>
        readable(() => Object.keys(part), []).map((key) => [
          bounded(key),
          plain(readable(() => part[key], UNREADABLE))
        ])
      )
  )

const plain = (value: unknown): string | number | boolean =>
  typeof value === "number" || typeof value === "boolean" ? value : text(value)

const text = (value: unknown): string =>
  bounded(
    readable(
      () => (isError(value) ? errorText(value, 3) : String(Inspectable.toStringUnknown(value, 0))),
      UNREADABLE
    )
  )

const errorText = (error: Error, depth: number): string =>
  `${error.name}: ${error.message}` +
  (error.cause instanceof Error && depth > 0 ? ` (${errorText(error.cause, depth - 1)})` : "")
