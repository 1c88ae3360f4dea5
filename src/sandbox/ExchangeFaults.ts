import { Schema } from "effect"
import { Script } from "./Script.ts"

const scope = {
  /** EWS operation it is for (`Subscribe`, `GetItem` …); absent = any. */
  operation: Schema.optional(Schema.String),
  /** Address of the mailbox whose user it is for; absent = everybody. */
  user: Schema.optional(Schema.String),
  /** How many times; absent = until cleared. */
  times: Schema.optional(Schema.Int.pipe(Schema.positive()))
}

/** Something that goes wrong by script. */
export const Fault = Schema.Union(
  /** ErrorServerBusy as a SOAP fault with HTTP 500 (default) or inside a response with HTTP 200. */
  Schema.Struct({
    kind: Schema.Literal("busy"),
    form: Schema.optional(Schema.Literal("fault", "response")),
    backOffMilliseconds: Schema.optional(Schema.Int),
    ...scope
  }),
  /** A bare HTTP status without SOAP: 503 of IIS's queue, 403 of a policy, 500 … */
  Schema.Struct({
    kind: Schema.Literal("status"),
    status: Schema.Int.pipe(Schema.between(400, 599)),
    ...scope
  }),
  /** 401 although the password is right. */
  Schema.Struct({ kind: Schema.Literal("unauthorized"), ...scope }),
  /** Waits before it works. Joins with another fault. */
  Schema.Struct({ kind: Schema.Literal("slow"), milliseconds: Schema.Number, ...scope }),
  /** Does the work, then cuts the connection instead of answering. */
  Schema.Struct({ kind: Schema.Literal("cut"), ...scope }),
  /** ResponseClass=Error with this code, work not done. */
  Schema.Struct({ kind: Schema.Literal("error"), responseCode: Schema.String, ...scope }),
  /** HTTP 200 with an HTML page, as a proxy's log-in form. */
  Schema.Struct({ kind: Schema.Literal("page"), ...scope }),
  /** Callbacks with mails only: an acknowledged one is sent once more, the same to the letter. */
  Schema.Struct({ kind: Schema.Literal("repeat"), ...scope })
)
export type Fault = typeof Fault.Type

/** The faults that are waiting to happen. */
export class Faults {
  readonly #script = new Script<Fault>()

  add(fault: Fault): void {
    this.#script.add(fault)
  }

  clear(): void {
    this.#script.clear()
  }

  /** Uses up what is for this call: at most one delay and one other fault, the oldest of each. */
  take(operation: string, user: string): { readonly delay: number; readonly fault: Failure | undefined } {
    const isSlow = (fault: Fault): fault is Slow => fault.kind === "slow" && applies(fault, operation, user)
    const isFailure = (fault: Fault): fault is Failure =>
      fault.kind !== "slow" && applies(fault, operation, user)
    return { delay: this.#script.take(isSlow)?.milliseconds ?? 0, fault: this.#script.take(isFailure) }
  }
}

type Slow = Extract<Fault, { readonly kind: "slow" }>
type Failure = Exclude<Fault, Slow>

const applies = (fault: Fault, operation: string, user: string): boolean =>
  (fault.kind === "repeat") === (operation === "SendNotification") &&
  (fault.operation === undefined || fault.operation === operation) &&
  (fault.user === undefined || fault.user.toLowerCase() === user.toLowerCase())
