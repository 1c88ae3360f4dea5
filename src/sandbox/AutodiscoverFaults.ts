import { Schema } from "effect"
import { RedirectStatus } from "./ExchangeFaults.ts"

const scope = {
  /** Address that is asked about; absent = any. */
  user: Schema.optional(Schema.String),
  protocol: Schema.optional(Schema.Literal("pox", "soap", "json")),
  times: Schema.optional(Schema.Int.pipe(Schema.positive())),
  seconds: Schema.optional(Schema.Number.pipe(Schema.positive()))
}

/** Else only those who are logged in meet it; where no log-in is needed (GET), all do. */
const early = { beforeLogIn: Schema.optional(Schema.Boolean) }

/** What Autodiscover answers by script. */
export const AutodiscoverFault = Schema.Union(
  /** Another EWS URL than the real one; "" = settings without any. */
  Schema.Struct({ kind: Schema.Literal("settings"), ewsUrl: Schema.String, ...scope }),
  /** Ask again about another address. */
  Schema.Struct({ kind: Schema.Literal("redirectAddr"), address: Schema.NonEmptyString, ...scope }),
  /** Ask again at another URL. */
  Schema.Struct({ kind: Schema.Literal("redirectUrl"), url: Schema.NonEmptyString, ...scope }),
  /** An error of the protocol, numbered as in POX: 600 invalid request, 500 no such address … */
  Schema.Struct({
    kind: Schema.Literal("error"),
    code: Schema.optionalWith(Schema.Int, { default: () => 600 }),
    ...scope
  }),
  /** ServerBusy in SOAP; 503 in the others, which have no word for it. */
  Schema.Struct({ kind: Schema.Literal("busy"), ...scope }),
  /** 401 although the log-in is right. */
  Schema.Struct({ kind: Schema.Literal("unauthorized"), ...scope }),
  Schema.Struct({
    kind: Schema.Literal("status"),
    status: Schema.Int.pipe(Schema.between(400, 599)),
    ...scope,
    ...early
  }),
  /** An HTTP redirect. */
  Schema.Struct({
    kind: Schema.Literal("redirect"),
    status: Schema.optional(RedirectStatus),
    location: Schema.NonEmptyString,
    ...scope,
    ...early
  }),
  /** HTTP 200 with an HTML page: the web site of the domain. */
  Schema.Struct({ kind: Schema.Literal("page"), ...scope, ...early }),
  Schema.Struct({ kind: Schema.Literal("slow"), milliseconds: Schema.Number, ...scope, ...early }),
  Schema.Struct({ kind: Schema.Literal("cut"), ...scope, ...early })
)
export type AutodiscoverFault = typeof AutodiscoverFault.Type

/** A request to Autodiscover, as far as it decides which faults it meets. */
export interface AutodiscoverTarget {
  readonly protocol: AutodiscoverProtocol
  /** Address that is asked about. */
  readonly address: string
  /** Logged in, or not in need of it. */
  readonly isIn: boolean
}
export type AutodiscoverProtocol = "pox" | "soap" | "json"

export const meets = (fault: AutodiscoverFault, { protocol, address, isIn }: AutodiscoverTarget): boolean =>
  (isIn || ("beforeLogIn" in fault && fault.beforeLogIn === true)) &&
  (fault.protocol ?? protocol) === protocol &&
  (fault.user ?? address).toLowerCase() === address.toLowerCase()
