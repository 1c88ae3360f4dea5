import { randomBytes } from "node:crypto"
import { expect, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import * as Ownership from "../../layers/ownership/Ownership.ts"
import * as MssqlStorage from "../../layers/storage/MssqlStorage.ts"
import type { MssqlConfig } from "../../layers/storage/mssql/MssqlUrl.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { DeviceStandIn } from "../../src/sandbox/Device.ts"
import { call } from "../../src/sandbox/JsonClient.ts"
import { type Installation, makeInstallation } from "../support/Installation.ts"
import { loadBalancer } from "../support/LoadBalancer.ts"
import { isReady, type ServiceProcess, spawnService } from "../support/ServiceProcess.ts"
import { tcpLine } from "../support/TcpLine.ts"
import { describeMssql, emptied } from "../support/TestMssql.ts"
import { eventually, type Rehearsal, rehearse, within } from "./Rehearsal.ts"

/** With a StatusFrequency of 60 Exchange repeats a failed callback after 1, 3, 7, 15, 31, 63 s. */
const EXCHANGE = { minute: 2_000, retry: "lenient" } as const
/** Seconds from the death of the active node until the standby answers callbacks: a lease lasts 30, and users are loaded. */
const TAKEN_OVER_WITHIN = 35
/** Seconds for what Exchange has to repeat first, and for two processes to start. */
const PATIENCE = 60
/** ms after which the load balancer gives up a node. */
const HANGS = 4_000

interface Node {
  readonly installation: Installation
  readonly service: ServiceProcess
}

/** Two nodes of one empty database behind a load balancer, started at once, and the world that they serve. */
const twoNodes = (config: MssqlConfig, databaseUrl = process.env["ENS_TEST_MSSQL_URL"] ?? "") =>
  Effect.gen(function* () {
    yield* emptied(config)
    const settings = {
      ENS_DATABASE_URL: databaseUrl,
      ENS_MASTER_KEY: randomBytes(32).toString("base64"),
      ENS_STATUS_FREQUENCY_MINUTES: "60",
      ENS_HEARTBEAT_CHECK_MINUTES: "120"
    }
    const world = yield* rehearse({ exchange: EXCHANGE })
    const apiToken = yield* createToken(config, world.exchange.url)
    const push = { ENS_PUSH: "cns", ENS_CNS_URL: world.cns.url }
    const installations = [
      yield* makeInstallation({ ...settings, ...push }),
      yield* makeInstallation({ ...settings, ...push })
    ]
    const { port } = yield* loadBalancer(
      installations.map((installation) => installation.port),
      HANGS
    )
    const baseUrl = `http://127.0.0.1:${port}/MailNotificationService/api/ens`
    const nodes = yield* Effect.forEach(installations, (installation) =>
      Effect.map(
        spawnService({
          ...installation,
          environment: { ...installation.environment, ENS_PUBLIC_URL: baseUrl }
        }),
        (service): Node => ({ installation, service })
      )
    )
    const active = yield* oneOf(nodes)
    const standby = nodes.find((node) => node !== active)!
    yield* whenStandby(standby)
    const iphone = yield* world.phone("iOS", { baseUrl, apiToken })
    yield* within(registered(iphone), "registration", PATIENCE)
    return { ...world, apiToken, baseUrl, iphone, active, standby }
  })

/** Two processes that have just started may keep a phone waiting for longer than a load balancer does. */
const registered = (phone: DeviceStandIn) =>
  phone.register().pipe(
    Effect.map(({ responseCode }) => responseCode),
    Effect.orElseSucceed(() => 0),
    Effect.repeat({ until: (code) => code === 6 || code === 7, schedule: Schedule.spaced("1 second") })
  )

const createToken = (config: MssqlConfig, ewsUrl: string) =>
  Effect.gen(function* () {
    const token = `ens-e2e-token-${randomBytes(18).toString("base64url")}`
    yield* (yield* Storage).createToken({
      tenant: "default",
      label: "phones",
      hash: hashApiToken(token),
      ewsUrls: [ewsUrl],
      ewsPins: [],
      seg: false,
      createdAt: 0
    })
    return token
  }).pipe(Effect.provide(MssqlStorage.layer(config).pipe(Layer.provide(Ownership.layerAll))))

const readiness = ({ installation }: Node) =>
  Effect.promise(() =>
    call(`http://127.0.0.1:${installation.port}/readyz`, { method: "GET", timeout: 2_000 }).catch(() => ({
      status: 0,
      text: ""
    }))
  )

/** As administrators see it. */
const role = ({ installation }: Node) =>
  Effect.promise(async () => {
    const { text } = await call(`${installation.adminUrl}/readyz`, { method: "GET", timeout: 10_000 })
    return (JSON.parse(text) as { readonly role: string }).role
  })

const whenReady = (node: Node, seconds: number) =>
  within(
    Effect.repeat(Effect.delay(isReady(node.installation), 50), { until: (ready) => ready }),
    `node ready: ${node.service.output()}`,
    seconds
  )

const whenStandby = (node: Node) =>
  within(
    Effect.repeat(Effect.delay(readiness(node), 50), {
      until: ({ status, text }) => status === 503 && text === "standby\n"
    }),
    `standby: ${node.service.output()}`,
    30
  )

/** The first that is ready. */
const oneOf = (nodes: ReadonlyArray<Node>) =>
  Effect.raceAll(nodes.map((node) => Effect.as(whenReady(node, PATIENCE), node)))

type World = Effect.Effect.Success<ReturnType<typeof twoNodes>>

const acknowledged = ({ exchange }: Pick<Rehearsal, "exchange">, item: string): boolean =>
  exchange.deliveries().some(({ itemIds, outcome }) => itemIds.includes(item) && outcome === "OK")

/** The phone shows it once, and Exchange has its answer. */
const isTold = (world: World, item: string) =>
  Effect.gen(function* () {
    yield* eventually(() => acknowledged(world, item), "OK for the mail", PATIENCE)
    yield* eventually(() => world.about(world.iphone, item).length > 0, "the mail")
    const ids = world.about(world.iphone, item).map(({ id }) => id)
    expect(new Set(ids).size).toBe(1)
    return ids.length
  })

/** The active node is gone, and what it had to do is the other's. */
const isSucceeded = (world: World, item: string) =>
  Effect.gen(function* () {
    const { exchange, iphone, mail, standby } = world
    yield* whenReady(standby, TAKEN_OVER_WITHIN)
    yield* isTold(world, item)
    expect(yield* isTold(world, yield* mail("To the successor"))).toBe(1)
    expect(exchange.operations()["Subscribe"]).toBe(1)
    expect(exchange.subscriptions().map(({ state }) => state)).toEqual(["Active"])
    expect(yield* iphone.status).toMatchObject({ responseCode: 6 })
  })

describeMssql("two nodes of one database, started at once", (config) => {
  it.scopedLive(
    "one serves and the other stands by; after kill -9 it takes over, and no mail is lost",
    () =>
      Effect.gen(function* () {
        const world = yield* twoNodes(config)
        expect(yield* isTold(world, yield* world.mail("To the first"))).toBe(1)
        const last = yield* world.mail("Just before the end")
        yield* world.active.service.kill
        yield* isSucceeded(world, last)
      }),
    180_000
  )

  it.scopedLive(
    "one that stood still while the other took over does nothing more, and stands by",
    () =>
      Effect.gen(function* () {
        const world = yield* twoNodes(config)
        const { active, cns, exchange, iphone, mail, standby } = world
        expect(yield* isTold(world, yield* mail("To the first"))).toBe(1)
        yield* active.service.signal("SIGSTOP")
        // They wait in its sockets until it wakes up.
        const inHand = yield* Effect.forEach([1, 2, 3], (n) => mail(`To the sleeper ${n}`))
        yield* whenReady(standby, TAKEN_OVER_WITHIN)
        for (const item of inHand) expect(yield* isTold(world, item)).toBe(1)
        expect(yield* iphone.register({ forceSubscription: true })).toMatchObject({ responseCode: 7 })
        const before = { ...exchange.operations(), pushed: cns.received().length }

        yield* active.service.signal("SIGCONT")
        yield* whenStandby(active)
        yield* Effect.sleep("3 seconds")
        expect({ ...exchange.operations(), pushed: cns.received().length }).toEqual(before)
        expect(yield* isTold(world, yield* mail("To the successor"))).toBe(1)
        expect(exchange.operations()["Subscribe"]).toBe(2)
        expect((yield* readiness(standby)).status).toBe(200)
      }),
    240_000
  )

  it.scopedLive(
    "that cannot reach it for longer than a lease: mails go on, and so does everything when it is back",
    () =>
      Effect.gen(function* () {
        const url = new URL(process.env["ENS_TEST_MSSQL_URL"] ?? "")
        const line = yield* tcpLine(url.hostname, Number(url.port))
        url.host = `127.0.0.1:${line.port}`
        const world = yield* twoNodes(config, url.href)
        const { active, exchange, iphone, mail, phone, standby } = world
        yield* isTold(world, yield* mail("Before the outage"))
        line.cut()
        yield* Effect.sleep("35 seconds")
        expect(yield* role(active)).toBe("cut off")
        expect(yield* role(standby)).toBe("standby")
        expect(yield* isTold(world, yield* mail("During the outage"))).toBe(1)
        const other = yield* phone("Android", { baseUrl: world.baseUrl, apiToken: world.apiToken })
        expect((yield* other.register()).responseCode).toBe(8)
        expect(exchange.operations()["Subscribe"]).toBe(1)

        line.mend()
        const next = yield* oneOf([active, standby])
        expect(yield* role(next)).toBe("active")
        expect(yield* isTold(world, yield* mail("After the outage"))).toBe(1)
        expect((yield* other.register()).responseCode).toBe(6)
        expect(yield* iphone.status).toMatchObject({ responseCode: 6 })
      }),
    240_000
  )

  it.scopedLive(
    "one that is told to stop hands over at once",
    () =>
      Effect.gen(function* () {
        const world = yield* twoNodes(config)
        const { active, mail, standby } = world
        yield* isTold(world, yield* mail("To the first"))
        yield* active.service.signal("SIGTERM")
        expect(yield* within(active.service.ended, "the end", 15)).toBe(0)
        // Far less than a lease lasts.
        yield* whenReady(standby, 15)
        yield* isSucceeded(world, yield* mail("After the end"))
      }),
    120_000
  )
})
