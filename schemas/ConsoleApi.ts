import { Schema } from "effect"
import { HistoryEvent } from "./History.ts"
import { PointInTime } from "./PointInTime.ts"
import { OVERLAP_DAYS_MAX } from "./TokenEnd.ts"

/**
 * What the console's pages get as JSON under `/console/api/`. All of it needs a session (`POST /console/api/session`); all
 * that changes something also needs the header `X-ENS-Console` with the session's `proof`. Times are milliseconds since
 * 1970, durations seconds unless the name says otherwise. Nothing here holds an address, a subject, a token or a key.
 *
 * | method and path | body | answer |
 * |---|---|---|
 * | `POST session` | `SignIn` | `Session` and the cookie; 401 `Problem`; 429 after too many |
 * | `GET session` | | `Session`; 401 without one |
 * | `DELETE session` | | 204 |
 * | `GET overview` | | `Overview` |
 * | `GET series` | | `Series`: the last hour |
 * | `GET users/<user id>` | | `UserPage`: the user in all tenants; empty list if unknown |
 * | `POST users/<user id>/actions` | `UserAction` | `ActionResult` |
 * | `GET tokens` | | `Tokens` |
 * | `POST tokens` | `NewToken` | `MadeToken`, the only time that the token is shown |
 * | `DELETE tokens/<id>`, `DELETE admin-tokens/<id>` | | 204; 404 `Problem` |
 * | `POST tokens/<id>/rotations`, `POST admin-tokens/<id>/rotations` | `Rotation` | `RotatedToken`, the only time that the token is shown; 403, 404 or 409 `Problem` |
 * | `GET certificates` | | `Certificates` |
 * | `GET audits` | | `Audits`, the newest 200 |
 * | `GET log-level`, `PUT log-level` | `LogLevelChoice` | `LogLevelChoice` |
 */

/** Every answer that is not what was asked for. */
export const Problem = Schema.Struct({ problem: Schema.String })

export const SignIn = Schema.Struct({ token: Schema.String })

export const Session = Schema.Struct({
  /** Of the admin token. */
  label: Schema.String,
  /** To be sent with whatever changes something. */
  proof: Schema.String,
  expiresAt: Schema.Number
})

const Time = Schema.NullOr(Schema.Number)

export const TroubleView = Schema.Struct({
  fault: Schema.String,
  title: Schema.String,
  where: Schema.String,
  what: Schema.String,
  cure: Schema.String,
  since: Schema.Number,
  last: Schema.Number,
  count: Schema.Int
})

export const Overview = Schema.Struct({
  at: Schema.Number,
  version: Schema.String,
  instanceId: Schema.String,
  host: Schema.String,
  uptime: Schema.Number,
  ready: Schema.Boolean,
  role: Schema.String,
  database: Schema.String,
  storage: Schema.Literal("reachable", "unreachable"),
  logLevel: Schema.String,
  /** By state (contract section 2), every state named. */
  subscriptions: Schema.Record({ key: Schema.String, value: Schema.Int }),
  /** A second, over the last 10 s or so. */
  rates: Schema.Struct({
    callbacks: Schema.Number,
    mails: Schema.Number,
    registrations: Schema.Number,
    pushes: Schema.Number
  }),
  gateways: Schema.Array(
    Schema.Struct({
      gateway: Schema.String,
      up: Schema.Boolean,
      stalled: Schema.Boolean,
      waiting: Schema.Int,
      oldestWaiting: Time,
      lastError: Schema.NullOr(Schema.String),
      lastErrorAt: Time,
      /** Since the start, by verdict: delivered, tokenDead, retryLater, rejected, gatewayDown. */
      verdicts: Schema.Record({ key: Schema.String, value: Schema.Int })
    })
  ),
  /** Exchange hosts, those with most calls first, at most 50; over the last hour. */
  hosts: Schema.Array(
    Schema.Struct({
      host: Schema.String,
      up: Schema.Boolean,
      calls: Schema.Int,
      /** By kind of error (`EwsUnauthorized` …). */
      errors: Schema.Record({ key: Schema.String, value: Schema.Int }),
      medianMilliseconds: Schema.NullOr(Schema.Number),
      p95Milliseconds: Schema.NullOr(Schema.Number),
      lastError: Schema.NullOr(Schema.String),
      lastErrorAt: Time
    })
  ),
  outbox: Schema.NullOr(Schema.Struct({ entries: Schema.Int, oldest: Time })),
  poolKeys: Schema.NullOr(Schema.Int),
  eventLoop: Schema.Struct({ p99Milliseconds: Schema.Number, longestMilliseconds: Schema.Number }),
  residentBytes: Schema.Number,
  troubles: Schema.Array(TroubleView)
})
export type Overview = typeof Overview.Type

/** Equally long columns, oldest first; null where nothing was measured. */
export const Series = Schema.Struct({
  /** Seconds between two points. */
  step: Schema.Number,
  at: Schema.Array(Schema.Number),
  lines: Schema.Array(
    Schema.Struct({
      /** callbacks, mails, pushes, pushFailures, ewsMedianMilliseconds, ewsErrors, eventLoopMilliseconds, outboxOldest, subscriptions. */
      name: Schema.String,
      unit: Schema.String,
      values: Schema.Array(Schema.NullOr(Schema.Number))
    })
  )
})
export type Series = typeof Series.Type

export const UserView = Schema.Struct({
  tenant: Schema.String,
  user: Schema.String,
  state: Schema.String,
  stateSince: Time,
  /** What the state means and what to do, one sentence; "" if all is well. */
  advice: Schema.String,
  createdAt: Schema.Number,
  subscribedAt: Time,
  lastHeard: Time,
  generation: Schema.Int,
  ewsHost: Schema.NullOr(Schema.String),
  exchangeVersion: Schema.NullOr(Schema.String),
  authType: Schema.NullOr(Schema.String),
  tokenExpiresAt: Time,
  unread: Schema.NullOr(Schema.Int),
  waiting: Schema.Int,
  devices: Schema.Array(
    Schema.Struct({
      device: Schema.Int,
      platform: Schema.String,
      bundleId: Schema.String,
      policy: Schema.Int,
      environment: Schema.String,
      registeredAt: Schema.Number,
      seenAt: Schema.Number,
      nudgedAt: Time,
      /** The first characters of the push token's SHA-256: tells two apart and is of no use to a thief. */
      tokenDigest: Schema.String
    })
  ),
  /** Newest first. */
  events: Schema.Array(HistoryEvent),
  deadLetters: Schema.Array(Schema.Struct({ at: Schema.Number, what: Schema.String, reason: Schema.String }))
})
export type UserView = typeof UserView.Type

export const UserPage = Schema.Struct({ userId: Schema.String, users: Schema.Array(UserView) })
export type UserPage = typeof UserPage.Type

export const UserAction = Schema.Struct({
  tenant: Schema.String,
  action: Schema.Literal("test", "ask", "forget")
})

export const ActionResult = Schema.Struct({
  done: Schema.Boolean,
  /** One sentence: what happened, and to which devices. */
  says: Schema.String
})

export const Tokens = Schema.Struct({
  tokens: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      tenant: Schema.String,
      label: Schema.String,
      createdAt: Schema.Number,
      lastUsedAt: Time,
      /** When another one was made to take its place, the first time; null = never. */
      replacedAt: Time,
      expiresAt: Time,
      ewsUrls: Schema.Array(Schema.String)
    })
  ),
  adminTokens: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      label: Schema.String,
      createdAt: Schema.Number,
      lastUsedAt: Time,
      /** When another one was made to take its place, the first time; null = never. */
      replacedAt: Time,
      expiresAt: Time
    })
  )
})

export const NewToken = Schema.Struct({
  tenant: Schema.optionalWith(Schema.String, { default: () => "default" }),
  label: Schema.String,
  ewsUrl: Schema.optionalWith(Schema.String, { exact: true })
})

export const MadeToken = Schema.Struct({ id: Schema.String, tenant: Schema.String, token: Schema.String })

export const Rotation = Schema.Struct({
  /** Days for which the replaced token stays valid beside the new one; 0 = it ends at once. */
  overlapDays: Schema.Int.pipe(Schema.between(0, OVERLAP_DAYS_MAX)),
  /** The token itself, of an admin token: who has no more than a session must not get a token that outlives it. */
  token: Schema.optionalWith(Schema.String, { exact: true })
})

export const RotatedToken = Schema.Struct({
  id: Schema.String,
  /** Null for an admin token. */
  tenant: Schema.NullOr(Schema.String),
  label: Schema.String,
  token: Schema.String,
  /** Id of the token that it replaces, and when that one ends. */
  replaces: Schema.String,
  expiresAt: Schema.Number
})

export const Certificates = Schema.Struct({
  /** What expires, the next first. `at` null = not known. */
  expiries: Schema.Array(
    Schema.Struct({ what: Schema.String, at: Time, days: Schema.NullOr(Schema.Number), soon: Schema.Boolean })
  ),
  pins: Schema.Array(Schema.Struct({ of: Schema.String, fingerprint: Schema.String, from: Schema.String }))
})

export const Audits = Schema.Struct({
  audits: Schema.Array(
    Schema.Struct({
      at: Schema.Number,
      actor: Schema.String,
      action: Schema.String,
      target: Schema.String,
      outcome: Schema.String
    })
  )
})

export const LogLevelChoice = Schema.Struct({
  level: Schema.Literal("trace", "debug", "info", "warning", "error"),
  /** Milliseconds since 1970 when the level of the settings returns; null = until the next start. */
  until: Schema.optionalWith(Schema.NullOr(PointInTime), { default: () => null })
})
