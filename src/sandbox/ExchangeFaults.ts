import { Schema } from "effect"

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
  /** Callbacks only: an acknowledged one is sent once more. */
  Schema.Struct({ kind: Schema.Literal("repeat"), ...scope })
)
export type Fault = typeof Fault.Type

/** The faults that are waiting to happen. */
export class Faults {
  readonly #active: Array<{ readonly fault: Fault; left: number }> = []

  add(fault: Fault): void {
    this.#active.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY })
    if (this.#active.length > MAX_FAULTS) this.#active.shift()
  }

  clear(): void {
    this.#active.length = 0
  }

  all(): ReadonlyArray<Fault> {
    return this.#active.map((entry) => entry.fault)
  }

  /** Uses up what is for this call: at most one delay and one other fault, the oldest of each. */
  take(
    operation: string,
    user: string
  ): { readonly delay: number; readonly fault: Exclude<Fault, Slow> | undefined } {
    let slow: Slow | undefined
    let other: Exclude<Fault, Slow> | undefined
    for (const entry of [...this.#active]) {
      if (!applies(entry.fault, operation, user)) continue
      if (entry.fault.kind === "slow") {
        if (slow !== undefined) continue
        slow = entry.fault
      } else {
        if (other !== undefined) continue
        other = entry.fault
      }
      entry.left -= 1
      if (entry.left <= 0) this.#active.splice(this.#active.indexOf(entry), 1)
    }
    return { delay: slow?.milliseconds ?? 0, fault: other }
  }
}

type Slow = Extract<Fault, { readonly kind: "slow" }>

const MAX_FAULTS = 1000

const applies = (fault: Fault, operation: string, user: string): boolean =>
  (fault.kind === "repeat") === (operation === "SendNotification") &&
  (fault.operation === undefined || fault.operation === operation) &&
  (fault.user === undefined || fault.user.toLowerCase() === user.toLowerCase())
