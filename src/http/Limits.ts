import { Context, Effect, Layer, Metric, Queue } from "effect"
import { Settings, type SettingsShape } from "../../schemas/Settings.ts"
import { NewUsers } from "./NewUsers.ts"
import { RefusalLog } from "./RefusalLog.ts"
import { RefusedLines } from "./RefusedLines.ts"
import { type Asker, limitKeyOf, makeIsProxy, makeSourceOf, type SourceOf } from "./SourceAddress.ts"
import { TokenBuckets } from "./TokenBuckets.ts"

/** What can be limited; `ENS_LIMIT_…` has the rates. */
export type LimitName =
  | "address"
  | "failed"
  | "token"
  | "user"
  | "newUsers"
  | "registrations"
  | "connections"
  | "addressConnections"
  | "handshakes"

/** What every way in shares: who asks, how much he may still ask, and a count of those who were refused for it. */
export interface LimitsShape {
  readonly sourceOf: SourceOf
  /** By source address: give `keyOf(sourceOf(request))`. */
  readonly address: TokenBuckets
  /** The same for requests with an API token that is known, where `address` has nothing left: strangers take nothing of it. */
  readonly addressKnown: TokenBuckets
  /** By source address: refused requests and forged callbacks, of the device API and of the callback endpoint together. */
  readonly failed: TokenBuckets
  /** By API token's hash. */
  readonly token: TokenBuckets
  /** By endpoint, tenant and user. */
  readonly user: TokenBuckets
  /** By tenant: users that were made and have not registered. */
  readonly newUsers: NewUsers
  /** Which refused requests have a line in the log. */
  readonly lines: Pick<RefusedLines, "mayTell">
  readonly keyOf: (source: string) => string
  /** Whether a peer is a trusted proxy, who has many connections for others. */
  readonly isProxy: (peer: string | undefined) => boolean
  /**
   * Counts one that was refused; plain code, at no cost worth speaking of. The log is told once a minute, with the source of
   * one of them where it is given.
   */
  readonly refused: (limit: LimitName, asker?: Asker) => void
}

const refusals = Metric.counter("ens_limited_total", {
  description: "Requests and connections that were refused because of a limit",
  incremental: true
})
const counter = (limit: string) => Metric.tagged(refusals, "limit", limit)
/** What `refused` counts. */
export const limitRefusals: Readonly<Record<LimitName, ReturnType<typeof counter>>> = {
  address: counter("address"),
  failed: counter("failed"),
  token: counter("token"),
  user: counter("user"),
  newUsers: counter("new_users"),
  registrations: counter("registrations"),
  connections: counter("connections"),
  addressConnections: counter("address_connections"),
  handshakes: counter("handshakes")
}

export class Limits extends Context.Tag("ens/Limits")<Limits, LimitsShape>() {}

export const make = (
  { limits, trustedProxies }: Pick<SettingsShape, "limits" | "trustedProxies">,
  log: RefusalLog = new RefusalLog(),
  lines: RefusedLines = new RefusedLines()
): LimitsShape => {
  const sourceOf = makeSourceOf(trustedProxies)
  return {
    sourceOf,
    address: new TokenBuckets(limits.address),
    addressKnown: new TokenBuckets(limits.address),
    failed: new TokenBuckets(limits.failed),
    token: new TokenBuckets(limits.token),
    user: new TokenBuckets(limits.user),
    newUsers: new NewUsers(limits.newUsers),
    lines,
    keyOf: limitKeyOf,
    isProxy: makeIsProxy(trustedProxies),
    refused: (limit, asker) => {
      limitRefusals[limit].unsafeUpdate(1, [])
      log.note(limit, asker, asker === undefined ? "" : sourceOf(asker))
    }
  }
}

/** The limits of the settings, and at most one line a minute about each that refused somebody. */
export const layer: Layer.Layer<Limits, never, Settings> = Layer.scoped(
  Limits,
  Effect.gen(function* () {
    const begun = yield* Queue.sliding<void>(1)
    const begin = () => void begun.unsafeOffer(undefined)
    const log = new RefusalLog(begin)
    const lines = new RefusedLines(begin)
    yield* Queue.take(begun).pipe(
      Effect.zipRight(Effect.sleep("1 minute")),
      Effect.zipRight(
        Effect.suspend(() =>
          Effect.all([...log.take(), ...lines.take()].map((line) => Effect.logWarning(line)))
        )
      ),
      Effect.forever,
      Effect.annotateLogs({ logger: "Limits" }),
      Effect.forkScoped
    )
    return make(yield* Settings, log, lines)
  })
)
