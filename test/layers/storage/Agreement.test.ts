import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Context, Effect, FastCheck as fc, Layer, Option } from "effect"
import * as Ownership from "../../../layers/ownership/Ownership.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import * as MssqlStorage from "../../../layers/storage/MssqlStorage.ts"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import type { UserNumber } from "../../../schemas/Ids.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { describeMssql, emptied } from "../../support/TestMssql.ts"
import {
  addTenant,
  addUser,
  bytes,
  device,
  generation,
  hotState,
  itemId,
  newDevice,
  subscribed,
  subscriptionId,
  watermark
} from "./Samples.ts"

/** One step on some user of the run; answers something comparable. `what` is for the report of a disagreement. */
interface Step {
  readonly what: string
  readonly run: (storage: typeof Storage.Service, user: UserNumber) => Effect.Effect<unknown, unknown>
}

const steps = <A>(name: string, values: fc.Arbitrary<A>, run: (value: A) => Step["run"]) =>
  values.map((value): Step => ({ what: `${name} ${JSON.stringify(value)}`, run: run(value) }))

const number = fc.integer({ min: 1, max: 4 })
const token = fc.constantFrom("a", "b", "ключ")
const platform = fc.constantFrom("iOS" as const, "Android" as const)
const entries = fc.array(
  fc.record({
    device: number.map(device),
    itemId: fc.constantFrom("x", "y", "z").map(itemId),
    queuedAt: number,
    kind: fc.constantFrom("mail" as const, "badge" as const)
  }),
  { maxLength: 6 }
)

const step: fc.Arbitrary<Step> = fc.oneof(
  steps(
    "saveDevice",
    fc.tuple(token, platform, number),
    ([name, of, registeredAt]) =>
      (storage, user) =>
        storage.saveDevice(user, newDevice(name, { platform: of, registeredAt }))
  ),
  steps(
    "replaceDeviceToken",
    fc.tuple(token, token, number),
    ([from, to, at]) =>
      (storage, user) =>
        storage.replaceDeviceToken(user, from, to, at)
  ),
  steps(
    "saveEndpoint",
    fc.tuple(token, number),
    ([name, registeredAt]) =>
      (storage, user) =>
        storage.saveEndpoint(user, name, { arn: `arn of ${name}`, registeredAt })
  ),
  steps(
    "deleteDevice",
    fc.tuple(number, fc.boolean()),
    ([which, isStale]) =>
      (storage, user) =>
        Effect.flatMap(storage.devices(user), (devices) => {
          const found = devices[which % Math.max(1, devices.length)]
          if (found === undefined) return Effect.succeed(false)
          return storage.deleteDevice(user, isStale ? { ...found, registeredAt: -1 } : found)
        })
  ),
  steps(
    "saveNudged",
    fc.tuple(number, fc.array(number)),
    ([which, at]) =>
      (storage, user) =>
        storage.saveNudged(user, device(which), at)
  ),
  steps(
    "saveSubscribed",
    fc.tuple(number, fc.option(token), fc.option(number)),
    ([of, name, unread]) =>
      (storage, user) => {
        const values = { generation: generation(of), subscriptionId: subscriptionId(`number ${of}`), unread }
        return storage.saveSubscribed(
          subscribed(user, values),
          bytes(`${of}`, 32),
          name === null ? undefined : newDevice(name)
        )
      }
  ),
  steps(
    "saveHot",
    fc.tuple(number, fc.option(fc.constantFrom("w", "ü").map(watermark)), fc.option(number), fc.uint8Array()),
    ([of, mark, badge, ledger]) =>
      (storage, user) =>
        storage.saveHot([
          { user, generation: generation(of), hot: hotState({ watermark: mark, badge, ledger }) }
        ])
  ),
  steps(
    "adopt",
    fc.tuple(number, fc.option(fc.constantFrom("i", "j").map(subscriptionId))),
    ([of, id]) =>
      (storage, user) =>
        storage.adopt(user, generation(of), id)
  ),
  steps("setCallbackKey", token, (name) => (storage, user) => storage.setCallbackKey(user, bytes(name, 9))),
  steps("retireKeys", token, (name) => (storage, user) => storage.retireKeys(user, bytes(name, 9))),
  steps(
    "deleteUserWithoutDevices",
    fc.constant(""),
    () => (storage, user) => storage.deleteUserWithoutDevices(user)
  ),
  steps("saveRefused", number, (of) => (storage, user) => storage.saveRefused(user, generation(of))),
  steps(
    "saveLinks",
    fc.tuple(number, number),
    ([of, at]) =>
      (storage, user) =>
        storage.saveLinks([{ user, generation: generation(of), link: "Overdue", linkSince: at, nudges: at }])
  ),
  steps(
    "savePartial",
    number,
    (of) => (storage, user) => storage.savePartial(user, generation(of), bytes(`${of}`, 9))
  ),
  steps("deletePartial", number, (of) => (storage, user) => storage.deletePartial(user, generation(of))),
  steps(
    "addOutbox",
    entries,
    (all) => (storage, user) => storage.addOutbox(all.map((one) => ({ ...one, user })))
  ),
  steps(
    "removeOutbox",
    entries,
    (all) => (storage, user) => storage.removeOutbox(all.map((one) => ({ ...one, user })))
  ),
  steps("expireOutbox", number, (before) => (storage) => storage.expireOutbox(before)),
  steps("deleteUser", fc.constant(""), () => (storage, user) => storage.deleteUser(user))
)

/** All that can be seen of the users, with their numbers replaced by their places; their buckets follow from the tenant's. */
const view = Effect.fnUntraced(function* (storage: typeof Storage.Service, users: ReadonlyArray<UserNumber>) {
  const place = (user: UserNumber) => `user ${users.indexOf(user)}`
  const rows = yield* Effect.forEach(users, (user) =>
    Effect.all({
      user: Effect.map(
        storage.user(user),
        Option.map(({ user: _, tenant: __, ...rest }) => rest)
      ),
      subscription: Effect.map(
        storage.subscription(user),
        Option.map(({ user: _, bucket: __, ...rest }) => rest)
      ),
      partials: Effect.forEach([1, 2, 3, 4], (of) => storage.partial(user, generation(of))),
      devices: storage.devices(user),
      dossier: Effect.map(
        storage.dossier(user),
        Option.map(({ devices, subscription, user: owner }) => [
          devices,
          subscription && { ...subscription, user: "", bucket: 0 },
          { ...owner, user: "", tenant: 0 }
        ])
      ),
      outbox: Effect.map(storage.outboxOf(user, 100), (all) => all.map(({ user: _, ...rest }) => rest))
    })
  )
  const waiting = yield* Effect.forEach(["iOS", "Android"] as const, (of) => storage.outboxUsers(of, 10))
  const { rows: page } = yield* storage.subscriptions(undefined, 10)
  return {
    rows,
    waiting: waiting.map((found) => found.map(place)),
    page: page.map(({ user }) => place(user)),
    size: yield* storage.outboxSize
  }
})

const play = Effect.fnUntraced(function* (sequence: ReadonlyArray<readonly [number, Step]>) {
  const storage = yield* Storage
  const tenant = yield* addTenant("t")
  const made = yield* Effect.forEach(["anna", "bert", "cleo"], (name) => addUser(tenant, name))
  const users = made.map(({ user }) => user)
  const answers = yield* Effect.forEach(sequence, ([index, { run }]) =>
    Effect.match(run(storage, users[index]!), { onFailure: () => "failed", onSuccess: (answer) => answer })
  )
  const seen = yield* view(storage, users)
  for (const user of users) yield* storage.deleteUser(user)
  return { answers, seen }
})

const sequences = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), step), { minLength: 5, maxLength: 40 })

/** Plays the same sequences on storage in memory and on `other`. */
const agrees = (other: typeof Storage.Service, numRuns: number) =>
  Effect.gen(function* () {
    const memory = Context.get(yield* Layer.build(Layer.fresh(MemoryStorage.layer)), Storage)
    const both = (sequence: ReadonlyArray<readonly [number, Step]>) =>
      Effect.all([memory, other].map((storage) => Effect.provideService(play(sequence), Storage, storage)))
    yield* Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(sequences, async (sequence) => {
          const [expected, answered] = await Effect.runPromise(both(sequence))
          expect(answered).toEqual(expected)
        }),
        { numRuns }
      )
    )
  })

it.scoped("both storages answer the same to any sequence of steps", () =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, "ens.db")
    yield* agrees(Context.get(yield* Layer.build(SqliteStorage.layer(file)), Storage), 60)
  })
)

describeMssql("a SQL Server", (config) => {
  it.scopedLive("answers the same, too", () =>
    Effect.gen(function* () {
      yield* emptied(config)
      const layer = Layer.provide(MssqlStorage.layer(config), Ownership.layerAll)
      yield* agrees(Context.get(yield* Layer.build(layer), Storage), 10)
    })
  )
})
