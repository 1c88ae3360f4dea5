import { randomBytes } from "node:crypto"
import { copyFileSync, existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import type { MasterKey } from "../../layers/crypto/MasterKey.ts"
import { POOL_CONTEXT } from "../../layers/crypto/UserKeyring.ts"
import * as Ownership from "../../layers/ownership/Ownership.ts"
import * as MssqlStorage from "../../layers/storage/MssqlStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { call } from "../../src/sandbox/JsonClient.ts"
import { ensProcess } from "../support/EnsProcess.ts"
import { type Installation, makeInstallation } from "../support/Installation.ts"
import { startService } from "../support/ServiceFixture.ts"
import { spawnService } from "../support/ServiceProcess.ts"
import { describeMssql, emptied } from "../support/TestMssql.ts"
import { eventually, rehearse, within } from "./Rehearsal.ts"

describe("a new master key", () => {
  it.scopedLive(
    "breaks no callback URL, which is made anew by its next mail, and phones notice nothing",
    () =>
      Effect.gen(function* () {
        const { about, cns, exchange, installation, mail, phone } = yield* rehearse()
        const before = yield* startService(installation)
        const alices = yield* phone("iOS")
        expect((yield* alices.register()).status).toBe(200)
        const [old] = exchange.subscriptions()
        yield* before.stop
        const keyFile = join(installation.directory, "master.key")
        const key = readFileSync(keyFile, "utf8")
        const rotated = yield* ensProcess(["secret", "rotate", "--json"], "", installation.environment)
        expect(rotated).toMatchObject({ code: 0, err: "" })
        expect(JSON.parse(rotated.out).keys).toMatchObject({ seal: 1, registration: 1, unreadable: 0 })
        expect(readFileSync(keyFile, "utf8")).not.toBe(key)

        yield* startService(installation)
        const item = yield* mail("With the URL of the old key")
        yield* within(
          cns.until(() => about(alices, item).length === 1),
          "the mail"
        )
        yield* eventually(
          () => exchange.subscriptions().some(({ id }) => id !== old?.id),
          "the subscription to be made anew",
          20
        )
        const next = yield* mail("With the URL of the new one")
        yield* within(
          cns.until(() => about(alices, next).length > 0),
          "the next mail"
        )
        yield* within(
          exchange.until(
            () => exchange.deliveries().filter(({ itemIds }) => itemIds.includes(next)).length === 2
          ),
          "both URLs to be called"
        )
        expect(new Set(exchange.deliveries().map(({ outcome }) => outcome))).toEqual(new Set(["OK"]))
        // Its log-in is the same: the mailbox is recognised.
        expect((yield* alices.register()).status).toBe(200)
      })
  )
})

describeMssql("a new master key of a database on a server", (config) => {
  it.scopedLive(
    "is put in place though killed half-way, on another machine, while a standby slept; and the standby ends",
    () =>
      Effect.gen(function* () {
        yield* emptied(config)
        const { about, cns, exchange, mail, phone } = yield* rehearse()
        const settings = {
          ENS_DATABASE_URL: process.env["ENS_TEST_MSSQL_URL"] ?? "",
          ENS_PUSH: "cns",
          ENS_CNS_URL: cns.url
        }
        const one = yield* makeInstallation(settings)
        const other = yield* makeInstallation({
          ...settings,
          ENS_PUBLIC_URL: one.baseUrl,
          ENS_PORT: `${one.port}`
        })
        const sleeper = yield* makeInstallation({ ...settings, ENS_PUBLIC_URL: one.baseUrl })
        const service = yield* startService(one)
        yield* eventually(() => existsSync(keyOf(one)), "the master key")
        for (const { directory } of [other, sleeper]) copyFileSync(keyOf(one), join(directory, "master.key"))
        const apiToken = yield* createToken(exchange.url)
        const alices = yield* phone("iOS", { baseUrl: one.baseUrl, apiToken })
        expect(yield* alices.register()).toMatchObject({ responseCode: 7 })
        const standby = yield* spawnService(sleeper)
        yield* within(
          Effect.repeat(Effect.delay(readiness(sleeper), 100), { until: (text) => text.includes("standby") }),
          `the standby: ${standby.output()}`,
          40
        )
        yield* standby.signal("SIGSTOP")
        yield* service.stop

        // Enough to be killed among them.
        const master = yield* LocalMasterKey.read({ file: keyOf(one) })
        const storage = yield* Storage
        for (let added = 0; added < KEYS; added += 100) {
          yield* storage.addPoolKeys(
            Array.from({ length: 100 }, () => master.wrap(Buffer.alloc(1_200), POOL_CONTEXT))
          )
        }
        const rotation = yield* spawnService(one, [], ["secret", "rotate"])
        yield* within(
          Effect.repeat(Effect.delay(rewrapped(master, 1), 50), { until: (count) => count > 0 }),
          `the rotation to begin: ${rotation.output()}`,
          60
        )
        yield* rotation.kill
        expect(yield* rewrapped(master, 2 * KEYS)).toBeLessThan(KEYS)
        expect(existsSync(`${keyOf(one)}.next`)).toBe(true)

        // The sleeper gets the lease of what was killed, and must do nothing with it.
        yield* standby.signal("SIGCONT")
        expect(yield* within(standby.ended, `the end of the standby: ${standby.output()}`, 60)).toBe(1)
        expect(sleeper.log() + standby.output()).toContain("ens secret rotate")

        const rotate = (installation: Installation) =>
          ensProcess(["secret", "rotate", "--json"], "", installation.environment)
        const withOldOnly = yield* rotate(other)
        expect(withOldOnly.code).toBe(1)
        expect(withOldOnly.err).toMatch(/the new master key of the rotation .* is missing; restore/)
        copyFileSync(keyOf(other), `${keyOf(other)}.aside`)
        copyFileSync(`${keyOf(one)}.next`, keyOf(other))
        const withNewOnly = yield* rotate(other)
        expect(withNewOnly.code).toBe(1)
        expect(withNewOnly.err).toMatch(/the old master key of the rotation .* is missing; give it/)
        copyFileSync(`${keyOf(other)}.aside`, keyOf(other))
        copyFileSync(`${keyOf(one)}.next`, `${keyOf(other)}.next`)
        const done = yield* rotate(other)
        expect(done.code).toBe(0)
        // A test server's URL may say so.
        expect(done.err.split("\n").filter((line) => !line.includes("has encrypt=false"))).toEqual([""])
        const { keys, resumed } = JSON.parse(done.out)
        expect({ keys, resumed }).toMatchObject({
          keys: { seal: 1, registration: 1, unreadable: 0 },
          resumed: true
        })
        expect(keys.pool).toBeGreaterThanOrEqual(KEYS)

        // Who has the old key only is told so.
        const late = yield* ensProcess(["token", "list"], "", one.environment)
        expect(late.err).toContain("After a rotation every node needs the new key")
        yield* startService(other)
        const item = yield* mail("With the URL of the old key")
        yield* within(
          cns.until(() => about(alices, item).length === 1),
          "the mail",
          40
        )
      }).pipe(Effect.provide(MssqlStorage.layer(config).pipe(Layer.provide(Ownership.layerAll)))),
    300_000
  )
})

const KEYS = 1_500

const keyOf = ({ directory }: Installation) => join(directory, "master.key")

const readiness = ({ adminUrl }: Installation) =>
  Effect.promise(() =>
    call(`${adminUrl}/readyz`, { method: "GET", timeout: 2_000 }).then(
      ({ text }) => text,
      () => ""
    )
  )

/** How many of the first `limit` waiting keys another master key wraps. */
const rewrapped = (master: MasterKey["Type"], limit: number) =>
  Effect.gen(function* () {
    const found = yield* (yield* Storage).wrappedKeys("pool", undefined, limit)
    const mine = yield* Effect.filter(found, ({ wrapped }) =>
      Effect.isSuccess(master.unwrap(wrapped, POOL_CONTEXT))
    )
    return found.length - mine.length
  })

const createToken = (ewsUrl: string) =>
  Effect.gen(function* () {
    const token = `ens-e2e-token-${randomBytes(18).toString("base64url")}`
    const tenant = { tenant: "default", label: "phones", ewsUrls: [ewsUrl], ewsPins: [], seg: false }
    yield* (yield* Storage).createToken({ ...tenant, hash: hashApiToken(token), createdAt: 0 })
    return token
  })
