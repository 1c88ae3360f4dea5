import { createHash } from "node:crypto"
import { Effect, Option } from "effect"
import { type NamedUser, Storage } from "../../layers/storage/Storage.ts"
import type { UserPage, UserView } from "../../schemas/ConsoleApi.ts"
import { type HistoryEvent, unpack } from "../../schemas/History.ts"
import type { UserId } from "../../schemas/Ids.ts"
import type { StorageError } from "../../schemas/StorageError.ts"
import { adviceOn } from "./Advice.ts"

/**
 * What is known of a user in all tenants, for administrators; no users if there is none. It comes from the database alone,
 * which a running service writes some seconds late. Holds no address, and nothing of a mail.
 */
export const userPage = (userId: UserId): Effect.Effect<UserPage, StorageError, Storage> =>
  Effect.gen(function* () {
    const known = yield* (yield* Storage).usersOfId(userId)
    const views = yield* Effect.forEach(known, view)
    // One may have gone meanwhile.
    return { userId, users: views.flatMap((found) => found ?? []) }
  })

/** More waiting notifications than these are told as so many. */
const WAITING_MAX = 1_000

const view = Effect.fnUntraced(function* ({ tenantName, user }: NamedUser) {
  const storage = yield* Storage
  const dossier = Option.getOrUndefined(yield* storage.dossier(user))
  if (dossier === undefined) return undefined
  const row = Option.getOrUndefined(yield* storage.subscription(user))
  const [history] = yield* storage.histories([user])
  const waiting = (yield* storage.outboxOf(user, WAITING_MAX)).length
  const letters = yield* storage.deadLetters(user)
  const events = history === undefined ? [] : unpack(history.events).toReversed()
  const parkedAt = parkedSince(events, row?.hot.lastHeard ?? 0)
  const known = {
    tenant: tenantName,
    user,
    state: parkedAt === undefined ? (row?.link ?? "None") : "Parked",
    stateSince: parkedAt ?? row?.linkSince ?? null,
    createdAt: dossier.user.createdAt,
    subscribedAt: row?.subscribedAt ?? null,
    lastHeard: row?.hot.lastHeard ?? null,
    generation: row?.generation ?? 0,
    ewsHost: row === undefined ? null : (URL.parse(row.ewsUrl)?.host ?? null),
    exchangeVersion: row?.exchangeVersion ?? null,
    authType: row?.authType ?? null,
    tokenExpiresAt: row?.tokenExpiresAt ?? null,
    unread: row?.hot.unread ?? null,
    waiting,
    devices: dossier.devices.map((device) => ({
      device: device.device,
      platform: device.platform,
      bundleId: device.bundleId,
      policy: device.policy,
      environment: device.environment,
      registeredAt: device.registeredAt,
      seenAt: device.seenAt,
      nudgedAt: device.nudgedAt.length === 0 ? null : Math.max(...device.nudgedAt),
      tokenDigest: digestOf(device.token)
    })),
    events,
    deadLetters: letters.map(({ at, digest, reason }) => ({ at, what: digest, reason }))
  } satisfies Omit<UserView, "advice">
  return { ...known, advice: adviceOn(known) }
})

/**
 * Storage keeps no such state, because it passes with the process; the history tells of it. It does not tell that a process
 * ended, but that the actor is at work again.
 */
const parkedSince = (newestFirst: ReadonlyArray<HistoryEvent>, lastHeard: number): number | undefined => {
  const latest = newestFirst.find(({ kind }) => OF_ACTORS.has(kind))
  const isParked = latest?.kind === "state" && latest.detail.startsWith("Parked")
  return isParked && latest.at >= lastHeard ? latest.at : undefined
}

/** What only an actor that is at work has noted. */
const OF_ACTORS: ReadonlySet<HistoryEvent["kind"]> = new Set([
  "state",
  "subscribed",
  "heartbeat",
  "mail",
  "nudge"
])

const digestOf = (token: string): string => createHash("sha256").update(token).digest("hex").slice(0, 8)
