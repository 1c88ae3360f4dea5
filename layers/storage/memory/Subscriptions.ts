import { Effect, Option } from "effect"
import { bucketOf } from "../../../schemas/Ids.ts"
import type { HotState, Subscription } from "../Storage.ts"
import { upsertDevice } from "./Devices.ts"
import { attempt, copy, type MemoryState, type StorageShape, type UserRecord } from "./State.ts"

type Subscriptions = Pick<
  StorageShape,
  | "subscription"
  | "subscriptions"
  | "saveSubscribed"
  | "adopt"
  | "saveRefused"
  | "saveLinks"
  | "saveHot"
  | "savePartial"
  | "partial"
  | "deletePartial"
>

export const make = (state: MemoryState): Subscriptions => ({
  subscription: (user) =>
    Effect.sync(() => Option.flatMap(Option.fromNullable(state.users.get(user)), subscriptionOf)),

  subscriptions: (after, limit) =>
    Effect.sync(() => {
      // Numbers rise and are never used twice, so the order of insertion is the order of numbers.
      const found = [...state.users.values()]
        .filter(({ user }) => Number(user.user) > Number(after ?? 0))
        .flatMap((record) => Option.toArray(subscriptionOf(record)))
      const rows = found.slice(0, limit)
      return { rows, next: found.length > limit ? rows.at(-1)?.user : undefined }
    }),

  saveSubscribed: (subscribed, fingerprint, device) =>
    attempt("saveSubscribed", () => {
      const record = state.require(subscribed.user)
      const { watermark, unread, ...lasting } = subscribed
      record.user = { ...record.user, fingerprint: copy(fingerprint) }
      record.subscription = {
        ...lasting,
        link: "Unconfirmed",
        linkSince: subscribed.subscribedAt,
        nudges: 0,
        hot: {
          watermark,
          unread,
          lastHeard: subscribed.subscribedAt,
          badge: record.subscription?.hot.badge ?? null,
          gapSince: record.subscription?.hot.gapSince ?? null,
          ledger: record.subscription?.hot.ledger ?? new Uint8Array()
        }
      }
      for (const generation of record.partials.keys())
        if (generation < subscribed.generation) record.partials.delete(generation)
      return device && upsertDevice(record, device)
    }),

  adopt: (user, generation, subscriptionId) =>
    change(state, user, (old) => {
      if (old.generation > generation) return old
      return { ...old, generation, subscriptionId, form: old.generation === generation ? old.form : null }
    }),

  saveRefused: (user, refused) =>
    Effect.sync(() => {
      const record = state.users.get(user)
      if (record !== undefined && record.refused < refused) record.refused = refused
    }),

  saveLinks: (batch) =>
    Effect.forEach(
      batch,
      ({ user, generation, ...changed }) =>
        change(state, user, (old) => (old.generation <= generation ? { ...old, ...changed } : old)),
      { discard: true }
    ),

  saveHot: (batch) =>
    Effect.forEach(
      batch,
      ({ user, generation, hot }) =>
        change(state, user, (old) =>
          old.generation <= generation
            ? { ...old, hot: { ...copyHot(hot), watermark: hot.watermark ?? old.hot.watermark } }
            : old
        ),
      { discard: true }
    ),

  savePartial: (user, generation, ciphertext) =>
    attempt("savePartial", () => void state.require(user).partials.set(generation, copy(ciphertext))),

  partial: (user, generation) =>
    Effect.sync(() => Option.map(Option.fromNullable(state.users.get(user)?.partials.get(generation)), copy)),

  deletePartial: (user, generation) =>
    Effect.sync(() => void state.users.get(user)?.partials.delete(generation))
})

const change = (
  state: MemoryState,
  user: Subscription["user"],
  step: (old: NonNullable<UserRecord["subscription"]>) => UserRecord["subscription"]
) =>
  Effect.sync(() => {
    const record = state.users.get(user)
    if (record?.subscription !== undefined) record.subscription = step(record.subscription)
  })

export const subscriptionOf = ({ user, subscription, refused }: UserRecord): Option.Option<Subscription> =>
  subscription === undefined
    ? Option.none()
    : Option.some({
        ...subscription,
        refused,
        bucket: bucketOf(user.tenant, user.userId),
        sealKeyMadeAt: user.sealKeyMadeAt,
        hot: copyHot(subscription.hot)
      })

const copyHot = (hot: HotState): HotState => ({ ...hot, ledger: copy(hot.ledger) })
