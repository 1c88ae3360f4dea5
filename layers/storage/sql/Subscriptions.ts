import type { SqlClient } from "@effect/sql/SqlClient"
import type { Fragment } from "@effect/sql/Statement"
import { Effect, Option } from "effect"
import type { AuthType } from "../../../schemas/Credentials.ts"
import type { ExchangeVersion } from "../../../schemas/EwsMessage.ts"
import type { Generation, SubscriptionId, UserNumber, Watermark } from "../../../schemas/Ids.ts"
import type { StoredLink, Subscribed, Subscription } from "../Storage.ts"
import { upsertDevice } from "./Devices.ts"
import { dialectOf } from "./Dialect.ts"
import { affected, noSuchUser, operation, type StorageShape, transaction } from "./Operation.ts"

type Subscriptions = Pick<
  StorageShape,
  "subscription" | "subscriptions" | "saveSubscribed" | "adopt" | "saveRefused" | "saveLinks"
>

export const make = (sql: SqlClient): Subscriptions => {
  const dialect = dialectOf(sql)

  const select = (rest: Fragment) => sql<SubscriptionRow>`
    SELECT s.*, h.watermark, h.last_heard, h.unread, h.badge, h.gap_since, h.ledger, u.refused, u.bucket,
      COALESCE(u.seal_key_made_at, u.created_at) AS seal_key_made_at
    FROM subscriptions s JOIN hot_states h ON h.user_no = s.user_no JOIN users u ON u.user_no = s.user_no ${rest}`

  const saveSubscription = (subscribed: Subscribed) => {
    const row = {
      generation: subscribed.generation,
      subscription_id: subscribed.subscriptionId,
      ews_url: subscribed.ewsUrl,
      exchange_version: subscribed.exchangeVersion,
      auth_type: subscribed.authType,
      token_expires_at: subscribed.tokenExpiresAt,
      subscribed_at: subscribed.subscribedAt,
      form: subscribed.form,
      link: "Unconfirmed" satisfies StoredLink,
      link_since: subscribed.subscribedAt,
      nudges: 0
    }
    return dialect.upsert("subscriptions", { user_no: Number(subscribed.user) }, row)
  }

  const renewHotState = ({ user, generation, watermark, subscribedAt, unread }: Subscribed) => {
    const renewed = { generation, watermark, last_heard: subscribedAt, unread }
    const first = { badge: null, ledger: new Uint8Array() }
    return dialect.upsert("hot_states", { user_no: Number(user) }, renewed, first)
  }

  return {
    subscription: (user) =>
      select(sql`WHERE s.user_no = ${Number(user)}`).pipe(
        Effect.map((rows) => Option.map(Option.fromNullable(rows[0]), subscriptionOf)),
        operation("subscription")
      ),

    subscriptions: (after, limit) =>
      select(
        sql`WHERE s.user_no > ${Number(after ?? 0)} ORDER BY s.user_no ${dialect.limit(limit + 1)}`
      ).pipe(
        Effect.map((found) => {
          const hasMore = found.length > limit
          const rows = found.slice(0, limit).map(subscriptionOf)
          // The statement's exit is kept until it is garbage, and is old by then: 84 MB in a start with 100,000 users.
          ;(found as Array<SubscriptionRow>).length = 0
          return { rows, next: hasMore ? rows.at(-1)?.user : undefined }
        }),
        operation("subscriptions")
      ),

    saveSubscribed: Effect.fnUntraced(
      function* (subscribed, fingerprint, device) {
        const { user, generation } = subscribed
        const found = yield* affected(
          sql`UPDATE users SET fingerprint = ${fingerprint} WHERE user_no = ${Number(user)}`
        )
        if (found === 0) return yield* noSuchUser("saveSubscribed")
        const outdated = sql`DELETE FROM partials WHERE user_no = ${Number(user)} AND generation < ${generation}`
        // Together: one way to the writer and back.
        yield* Effect.all([saveSubscription(subscribed), renewHotState(subscribed), outdated], {
          concurrency: "unbounded",
          discard: true
        })
        return device && (yield* upsertDevice(sql, "saveSubscribed", user, device))
      },
      transaction(sql, "saveSubscribed")
    ),

    adopt: Effect.fnUntraced(
      function* (user, generation, subscriptionId) {
        yield* sql`
        UPDATE subscriptions SET ${sql.update({ generation, subscription_id: subscriptionId })},
          form = CASE WHEN generation = ${generation} THEN form END
        WHERE user_no = ${Number(user)} AND generation <= ${generation}`
        yield* sql`
        UPDATE hot_states SET generation = ${generation}
        WHERE user_no = ${Number(user)} AND generation <= ${generation}`
      },
      transaction(sql, "adopt")
    ),

    saveRefused: (user, refused) =>
      sql`UPDATE users SET refused = ${refused} WHERE user_no = ${Number(user)} AND refused < ${refused}`.pipe(
        Effect.asVoid,
        operation("saveRefused")
      ),

    saveLinks: (batch) => {
      if (batch.length === 0) return Effect.void
      const rows = batch.map(({ user, generation, link, linkSince, nudges }) => [
        Number(user),
        generation,
        link,
        linkSince,
        nudges
      ])
      return sql`
        UPDATE subscriptions SET link = x.link, link_since = x.link_since, nudges = x.nudges
        FROM ${dialect.rows(LINK_COLUMNS, rows)}
        WHERE subscriptions.user_no = x.user_no AND subscriptions.generation <= x.generation`.pipe(
        Effect.asVoid,
        operation("saveLinks")
      )
    }
  }
}

const LINK_COLUMNS = {
  user_no: "number",
  generation: "number",
  link: "text",
  link_since: "number",
  nudges: "number"
} as const

/** A row of `subscriptions`, with what its user's row adds. */
export interface LastingRow {
  readonly bucket: number
  readonly user_no: number
  readonly generation: number
  readonly refused: number
  readonly subscription_id: string | null
  readonly ews_url: string
  readonly exchange_version: string
  readonly auth_type: string
  readonly token_expires_at: number | null
  readonly subscribed_at: number
  readonly form: number | null
  readonly link: string
  readonly link_since: number
  readonly nudges: number
}

interface SubscriptionRow extends LastingRow {
  readonly seal_key_made_at: number
  readonly watermark: string | null
  readonly last_heard: number
  readonly unread: number | null
  readonly badge: number | null
  readonly gap_since: number | null
  readonly ledger: Uint8Array
}

const subscriptionOf = (row: SubscriptionRow): Subscription => ({
  ...lastingOf(row),
  sealKeyMadeAt: row.seal_key_made_at,
  hot: {
    // A literal without this is made among the old objects once V8 has seen many of them live, and keeps what it refers to.
    ...blankHot,
    watermark: row.watermark as Watermark | null,
    lastHeard: row.last_heard,
    unread: row.unread,
    badge: row.badge,
    gapSince: row.gap_since,
    ledger: row.ledger
  }
})

const blankHot = { watermark: null, lastHeard: 0, unread: null, badge: null, gapSince: null }

/** The subscription without what is written behind, and without what its user's row says anyway. */
export const lastingOf = (row: LastingRow): Omit<Subscription, "hot" | "sealKeyMadeAt"> => ({
  user: String(row.user_no) as UserNumber,
  bucket: row.bucket,
  generation: row.generation as Generation,
  refused: row.refused as Generation,
  subscriptionId: row.subscription_id as SubscriptionId | null,
  ewsUrl: row.ews_url,
  exchangeVersion: row.exchange_version as ExchangeVersion,
  authType: row.auth_type as AuthType,
  tokenExpiresAt: row.token_expires_at,
  subscribedAt: row.subscribed_at,
  form: row.form,
  link: row.link as StoredLink,
  linkSince: row.link_since,
  nudges: row.nudges
})
