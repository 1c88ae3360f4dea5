import { mkdirSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, FiberSet, Layer } from "effect"
import { fillKeyPool } from "../../bench/peers/Population.ts"
import * as Config from "../../src/Config.ts"
import * as Service from "../../src/Service.ts"
import { certificateIn } from "../../src/sandbox/CertificateFolder.ts"
import { makeExchange } from "../../src/sandbox/Exchange.ts"
import { setUpApns, setUpFcm } from "../../src/sandbox/PushSetUp.ts"
import { makeInstallation } from "../support/Installation.ts"
import { Journal } from "./Journal.ts"
import type { ChaosOptions } from "./Options.ts"
import { populate } from "./Population.ts"
import { Random } from "./Random.ts"
import { makeVictim } from "./Victim.ts"
import { watchExchange, watchGateway } from "./Watch.ts"

/** Everything of a run: the service as a process of its own, and the world that it lives in, in this one. */
export type World = Effect.Effect.Success<ReturnType<typeof makeWorld>>

/** Milliseconds within which ENS answers a callback: shortened like the clock. */
export const CALLBACK_DEADLINE = 4000

export const makeWorld = (options: ChaosOptions, told: (line: string) => void) =>
  Effect.gen(function* () {
    const random = new Random(options.seed)
    const journal = new Journal(told)
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), "ens-chaos-"))
    mkdirSync(folder, { recursive: true })
    const minutes = (count: number) => count * options.minute
    const settingMinutes = (count: number) => String(minutes(count) / 60_000)

    const exchange = yield* makeExchange({
      minute: options.minute,
      statusFrequency: 15,
      retry: "strict",
      callbackTimeout: 10_000,
      connectionsPerHost: 100
    })
    const certificate = yield* certificateIn(join(folder, "push"), ["127.0.0.1"])
    const place = { folder: join(folder, "push"), certificate }
    const apns = yield* setUpApns(place)
    const fcm = yield* setUpFcm(place)
    const log = join(folder, "ens.log")
    const installed = yield* makeInstallation({
      ENS_PUSH: "ios=apns,android=fcm",
      ...apns.environment,
      ...fcm.environment,
      ENS_LOG_FILE: log,
      ENS_LOG_LEVEL: "debug",
      ENS_STATUS_FREQUENCY_MINUTES: settingMinutes(15),
      ENS_HEARTBEAT_CHECK_MINUTES: settingMinutes(options.check ?? 30),
      ENS_CALLBACK_DEADLINE: `${CALLBACK_DEADLINE / 1000} seconds`,
      ENS_CALLBACK_HELD_MAX: "500"
    })
    const apiToken = yield* installed.createToken(exchange.url)
    // A registration takes a key; to make thousands of them would only warm the room.
    yield* fillKeyPool(options.users + 100).pipe(
      Effect.provide(
        Layer.provide(
          Service.data,
          Config.layer({ environment: { ...installed.environment, ENS_LOG_FILE: "" } })
        )
      )
    )
    const victim = yield* makeVictim(installed, journal)
    const run = yield* FiberSet.makeRuntime<never>()
    const people = yield* populate({
      apiToken,
      exchange,
      installed,
      journal,
      options,
      random: random.branch()
    })
    watchExchange(exchange, journal)
    const phones = new Map(
      people.flatMap(({ phones }) => phones).map((phone) => [phone.device.token(), phone])
    )
    for (const gateway of [apns.standIn, fcm.standIn]) watchGateway(gateway, phones, journal, run)
    const gateways = { iOS: apns.standIn, Android: fcm.standIn }
    return {
      options,
      scope: yield* Effect.scope,
      random,
      journal,
      exchange,
      gateways,
      victim,
      people,
      minutes,
      folder,
      log,
      database: installed.database,
      /** Where a backup of the database is, once there is one. */
      backup: { file: join(folder, "backup.db"), takenAt: 0 }
    }
  })
