import { Schema } from "effect"
import { Script } from "./Script.ts"

const scope = {
  /** EWS operation it is for (`Subscribe`, `GetItem` …); absent = any. */
  operation: Schema.optional(Schema.String),
  /** Address of the mailbox whose user it is for; absent = everybody. */
  user: Schema.optional(Schema.String),
  /** How many times; absent = until cleared, or until the seconds are over. */
  times: Schema.optional(Schema.Int.pipe(Schema.positive())),
  /** For how long. */
  seconds: Schema.optional(Schema.Number.pipe(Schema.positive()))
}

/** Usually faults meet those who are logged in, so that a log-in's first leg does not use one up. */
const early = { beforeLogIn: Schema.optional(Schema.Boolean) }

/** Statuses that send a client elsewhere. */
export const RedirectStatus = Schema.Literal(301, 302, 307, 308)

/** Something that goes wrong by script. */
export const Fault = Schema.Union(
  /**
   * ErrorServerBusy as a SOAP fault with HTTP 500 (default) or inside a response with HTTP 200. With `seconds` it asks to
   * wait for the rest of them, unless `backOffMilliseconds` says otherwise.
   */
  Schema.Struct({
    kind: Schema.Literal("busy"),
    form: Schema.optional(Schema.Literal("fault", "response")),
    backOffMilliseconds: Schema.optional(Schema.Int),
    ...scope
  }),
  /** A bare HTTP status without SOAP: 503 of IIS's queue (with the header Retry-After, if given), 403 of a policy, 500 … */
  Schema.Struct({
    kind: Schema.Literal("status"),
    status: Schema.Int.pipe(Schema.between(400, 599)),
    retryAfter: Schema.optional(Schema.String),
    ...scope,
    ...early
  }),
  /** 401 although the log-in is right; a connection that NTLM has logged in is logged out. */
  Schema.Struct({ kind: Schema.Literal("unauthorized"), ...scope }),
  /** Waits before it works. Joins with another fault. */
  Schema.Struct({ kind: Schema.Literal("slow"), milliseconds: Schema.Number, ...scope, ...early }),
  /** Does the work, then cuts the connection instead of answering. */
  Schema.Struct({ kind: Schema.Literal("cut"), ...scope, ...early }),
  /** ResponseClass=Error with this code, work not done. */
  Schema.Struct({ kind: Schema.Literal("error"), responseCode: Schema.String, ...scope }),
  /** HTTP 200 with an HTML page, as a proxy's log-in form. */
  Schema.Struct({ kind: Schema.Literal("page"), ...scope, ...early }),
  /** Sends to another URL; without one, from the main to the other listener. */
  Schema.Struct({
    kind: Schema.Literal("redirect"),
    status: Schema.optional(RedirectStatus),
    location: Schema.optional(Schema.String),
    ...scope,
    ...early
  }),
  /** Refuses requests that lost the cookie X-BackEndOverrideCookie, which an earlier one with the same client-request-id got. */
  Schema.Struct({ kind: Schema.Literal("affinity"), ...scope }),
  /** Callbacks with mails only: an acknowledged one is sent once more, the same to the letter. */
  Schema.Struct({ kind: Schema.Literal("repeat"), ...scope })
)
export type Fault = typeof Fault.Type

/** What has to be known of a request to tell which faults it meets. */
export interface Target {
  /** "" if it has no body. */
  readonly operation: string
  /** undefined: not logged in. */
  readonly user: string | undefined
  readonly lostCookie: boolean
  /** At the main listener. */
  readonly isMain: boolean
}

/** What a request meets. */
export interface Struck {
  /** Milliseconds. */
  readonly delay: number
  readonly fault: Failure | undefined
}
export type Failure = Exclude<Fault, { readonly kind: "slow" | "repeat" }>

/** The faults that are waiting to happen. */
export class Faults {
  readonly #script = new Script<Fault>()

  add(fault: Fault): void {
    this.#script.add(fault)
  }

  clear(): void {
    this.#script.clear()
  }

  /** Uses up what is for this request: at most one delay and one other fault, the oldest of each. */
  take(target: Target): Struck {
    const isSlow = (fault: Fault): fault is Slow => fault.kind === "slow" && meets(fault, target)
    const isFailure = (fault: Fault): fault is Failure =>
      fault.kind !== "slow" && fault.kind !== "repeat" && meets(fault, target)
    return { delay: this.#script.take(isSlow)?.milliseconds ?? 0, fault: this.#script.take(isFailure) }
  }

  /** Whether an acknowledged callback to this user is to be sent once more. */
  takeRepeat(user: string): boolean {
    const target = { operation: "SendNotification", user, lostCookie: false, isMain: true }
    return this.#script.take((fault) => fault.kind === "repeat" && meets(fault, target)) !== undefined
  }

  /** Milliseconds for which a fault goes on; undefined if no end is set. */
  remaining(fault: Fault): number | undefined {
    return this.#script.remaining(fault)
  }
}

type Slow = Extract<Fault, { readonly kind: "slow" }>

const meets = (fault: Fault, { operation, user, lostCookie, isMain }: Target): boolean =>
  (user !== undefined || ("beforeLogIn" in fault && fault.beforeLogIn === true)) &&
  (fault.kind !== "affinity" || lostCookie) &&
  (fault.kind !== "redirect" || fault.location !== undefined || isMain) &&
  (fault.operation === undefined || fault.operation === operation) &&
  (fault.user === undefined || fault.user.toLowerCase() === user?.toLowerCase())
