import { createHash, randomBytes } from "node:crypto"
import { statSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import type { UserNumber } from "../../../schemas/Ids.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import {
  addTenant,
  addUser,
  generation,
  newDevice,
  subscribed,
  subscriptionId,
  watermark
} from "./Samples.ts"

const USERS = 2000

it.scoped(`${USERS} Basic users with one device each take at most 2,500 bytes a user on disk`, () =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, "ens.db")
    yield* Effect.provide(
      Effect.gen(function* () {
        const tenant = yield* addTenant("default")
        const users = yield* Effect.forEach(
          Array.from({ length: USERS }, (_, index) => `user ${index}`),
          (name) => Effect.flatMap(addUser(tenant, name), ({ user }) => register(user)),
          { concurrency: 100 }
        )
        // Ledgers grow, and mails do not come in the order of user numbers.
        for (const mails of [1, 3, 8, 8]) yield* callbacks(users, mails)
      }),
      SqliteStorage.layer(file)
    )
    const perUser = statSync(file).size / USERS
    expect(perUser).toBeLessThanOrEqual(2500)
    // Below the bytes that were given it cannot be; if it were, nothing was measured.
    expect(perUser).toBeGreaterThan(1700)
  })
)

const register = Effect.fnUntraced(function* (user: UserNumber) {
  const storage = yield* Storage
  const device = newDevice(createHash("sha256").update(user).digest("hex"), {
    bundleId: "com.air-watch.boxer"
  })
  const ewsUrl = "https://mail.example.com/EWS/Exchange.asmx".padEnd(45, "x")
  const id = subscriptionId(randomBytes(75).toString("base64"))
  yield* storage.saveSubscribed(
    subscribed(user, { subscriptionId: id, ewsUrl, watermark: someWatermark() }),
    randomBytes(32),
    device
  )
  return user
})

const callbacks = Effect.fnUntraced(function* (users: ReadonlyArray<UserNumber>, mails: number) {
  const storage = yield* Storage
  const shuffled = users.map((user) => ({ user, order: Math.random() })).sort((a, b) => a.order - b.order)
  for (let start = 0; start < shuffled.length; start += 200)
    yield* storage.saveHot(
      shuffled.slice(start, start + 200).map(({ user }) => ({
        user,
        generation: generation(1),
        hot: {
          watermark: someWatermark(),
          lastHeard: 1_760_000_000_000 + start,
          unread: 12,
          badge: 12,
          gapSince: null,
          ledger: randomBytes(8 * mails)
        }
      }))
    )
})

const someWatermark = () => watermark(randomBytes(30).toString("base64"))
