import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { show } from "../../src/sandbox/Device.ts"
import { ALICE, MALLORY, within } from "../e2e/Rehearsal.ts"
import { startService } from "../support/ServiceFixture.ts"
import { besieged, type Client, callBack, makeClient, newToken, storedTokens, userIdOf } from "./Attack.ts"

/** Sequences of calls that are tried; more of them by hand, with this variable. */
const SEQUENCES = Number(process.env["ENS_TEST_SEQUENCES"] ?? 24)
const LENGTH = 14

interface Person {
  readonly address: string
  readonly password: string
}

/** What is shared by all sequences. */
type World = Effect.Effect.Success<ReturnType<typeof besieged>> & { readonly client: Client }

/** One victim, and one attacker, who may read her mailbox as a delegate if the sequence says so. */
interface Scene extends World {
  readonly alice: Person
  readonly bob: Person
  readonly victim: string
  readonly bobsId: string
  /** Push tokens of either. */
  readonly hers: Array<string>
  readonly his: ReadonlyArray<string>
  readonly items: Array<string>
  /** Her callback URLs, which have leaked. */
  readonly urls: () => ReadonlyArray<{ readonly id: string; readonly url: string }>
  readonly bobsUrls: () => ReadonlyArray<{ readonly id: string; readonly url: string }>
}

const login = ({ address, password }: Person) => ({ username: address, password })

/** What she does, and what happens to her. Each is harmless by itself. */
const HERS = {
  registers: ({ alice, client, exchange, hers, victim }) =>
    client.register(
      victim,
      hers[0]!,
      { emailAddress: alice.address, ...login(alice) },
      { ewsUrl: exchange.url }
    ),
  "registers by force": ({ alice, client, exchange, hers, victim }) =>
    client.register(
      victim,
      hers[0]!,
      { emailAddress: alice.address, ...login(alice) },
      { ewsUrl: exchange.url, forceSubscription: true }
    ),
  "registers another device": ({ alice, client, hers, victim }) =>
    client.register(victim, hers[1]!, { emailAddress: alice.address, ...login(alice) }),
  unregisters: ({ client, hers, victim }) =>
    client.send("unregister", { userId: victim, deviceToken: hers[0] }),
  "unregisters the other": ({ client, hers, victim }) =>
    client.send("unregister", { userId: victim, deviceToken: hers[1] }),
  "has a new push token": ({ client, hers, victim }) =>
    Effect.suspend(() => {
      const [old, next] = [hers[0]!, newToken()]
      return Effect.tap(
        client.send("updatedevicetoken", { userId: victim, oldDeviceToken: old, newDeviceToken: next }),
        ({ status }) => {
          if (status === 200) hers[0] = next
        }
      )
    }),
  "gets a mail": (scene) => mailTo(scene, scene.alice),
  "loses her subscription": ({ alice, exchange }) => exchange.breakSubscriptions(alice.address)
} as const satisfies Readonly<Record<string, (scene: Scene) => Effect.Effect<unknown, unknown>>>

/** What he tries, and the codes that he may get. 429 (code 4) is always allowed. */
const HIS = {
  "her id and address, his log-in": [
    [14],
    ({ alice, bob, client, exchange, his, victim }) =>
      client.register(
        victim,
        his[0]!,
        { emailAddress: alice.address, ...login(bob) },
        { ewsUrl: exchange.url }
      )
  ],
  "the same by force, for a second device": [
    [14],
    ({ alice, bob, client, his, victim }) =>
      client.register(
        victim,
        his[1]!,
        { emailAddress: alice.address.toUpperCase(), ...login(bob) },
        { forceSubscription: true }
      )
  ],
  "her id, his address": [
    [34],
    ({ bob, client, his, victim }) =>
      client.register(victim, his[0]!, { emailAddress: bob.address, ...login(bob) })
  ],
  "her id, encrypted to his own key": [
    [34, 14],
    ({ alice, bob, bobsId, client, his, victim }) =>
      client.register(victim, his[0]!, { emailAddress: alice.address, ...login(bob) }, {}, bobsId)
  ],
  "his id, her address": [
    [34],
    ({ alice, bob, bobsId, client, his }) =>
      client.register(bobsId, his[0]!, { emailAddress: alice.address, ...login(bob) })
  ],
  "her callback URL as a payload": [
    [34],
    ({ client, his, urls, victim }) =>
      Effect.suspend(() => {
        const f = new URL(urls().at(-1)?.url ?? "http://none/?f=AAAA").searchParams.get("f") ?? ""
        const payload = Buffer.from(f, "base64url").toString("base64")
        return client.send("registerdevicev2", {
          userId: victim,
          deviceToken: his[0],
          deviceType: "iOS",
          bundleId: "com.boxer.email",
          authType: "Basic",
          payload
        })
      })
  ],
  "moves a token of his to her": [
    [5, 9],
    ({ client, his, victim }) =>
      client.send("updatedevicetoken", { userId: victim, oldDeviceToken: his[0], newDeviceToken: his[1] })
  ],
  "moves a guessed token of hers to his": [
    [5, 9],
    ({ client, hers, his, victim }) =>
      client.send("updatedevicetoken", {
        userId: victim,
        oldDeviceToken: `${hers[0]!.slice(0, -1)}x`,
        newDeviceToken: his[0]
      })
  ],
  "unregisters his token of her": [
    [26, 28],
    ({ client, his, victim }) => client.send("unregister", { userId: victim, deviceToken: his[0] })
  ],
  "asks how she is": [
    [28, 29, 30],
    ({ client, his, victim }) => client.send("getsubscriptionstatus", { userId: victim, deviceToken: his[0] })
  ],
  "asks for her key": [[3], ({ client, victim }) => client.send("getpublickey", { userId: victim })],
  "registers himself": [
    [6, 7, 17],
    ({ bob, bobsId, client, exchange, his }) =>
      client.register(bobsId, his[0]!, { emailAddress: bob.address, ...login(bob) }, { ewsUrl: exchange.url })
  ],
  "unregisters himself": [
    [24, 25, 26, 28],
    ({ bobsId, client, his }) => client.send("unregister", { userId: bobsId, deviceToken: his[0] })
  ],
  "names her mail at his own callback URL": [
    [undefined],
    ({ bobsUrls, items }) =>
      Effect.gen(function* () {
        const own = bobsUrls().at(-1)
        if (own === undefined) return NO_ANSWER
        return yield* callBack(own.url, items.at(-1) ?? "AAMk-none", own.id)
      })
  ],
  "gets a mail himself": [[undefined], (scene) => Effect.as(mailTo(scene, scene.bob), NO_ANSWER)]
} as const satisfies Readonly<
  Record<
    string,
    readonly [
      ReadonlyArray<number | undefined>,
      (
        scene: Scene
      ) => Effect.Effect<{ readonly code: unknown; readonly text: string; readonly status: number }, unknown>
    ]
  >
>

const NO_ANSWER = { code: undefined, text: "", status: 200 }

type HisMove = keyof typeof HIS
type HerMove = keyof typeof HERS
type Step =
  | { readonly who: "she"; readonly move: HerMove }
  | { readonly who: "he"; readonly move: HisMove }
  | { readonly who: "both"; readonly hers: HerMove; readonly his: HisMove }

const hers = fc.constantFrom(...(Object.keys(HERS) as Array<HerMove>))
const his = fc.constantFrom(...(Object.keys(HIS) as Array<HisMove>))
const sequences = fc.record({
  delegate: fc.boolean(),
  steps: fc.array(
    fc.oneof(
      fc.record({ who: fc.constant("she" as const), move: hers }),
      fc.record({ who: fc.constant("he" as const), move: his }),
      fc.record({ who: fc.constant("both" as const), hers, his })
    ),
    { minLength: LENGTH, maxLength: LENGTH }
  )
})

const mailTo = ({ exchange, items, alice }: Scene, { address }: Person) =>
  exchange
    .deliver({
      to: address,
      from: "bob@example.com",
      fromName: "Bob Baker",
      subject: `Confidential for ${address}`,
      body: `Body for ${address}`
    })
    .pipe(
      Effect.tap((item) => {
        if (address === alice.address) items.push(item)
      })
    )

/** Does what the sequence says, then looks whether she still has her mail and he none of it. */
const play = Effect.fnUntraced(function* (
  world: World,
  number: number,
  { delegate, steps }: { readonly delegate: boolean; readonly steps: ReadonlyArray<Step> }
) {
  const { cns, exchange, installation } = world
  const alice = { address: `alice${number}@wonderland.example`, password: `Rabbit-hole-${number}` }
  const bob = { address: `bob${number}@wonderland.example`, password: `Mine-${number}` }
  yield* exchange.addMailbox({ ...alice, ...(delegate ? { delegates: [bob.address] } : {}) })
  yield* exchange.addMailbox(bob)
  const urlsOf = (address: string) => exchange.subscriptions().filter(({ user }) => user === address)
  const scene: Scene = {
    ...world,
    alice,
    bob,
    victim: userIdOf(alice.address),
    bobsId: userIdOf(bob.address),
    hers: [newToken(), newToken()],
    his: [newToken(), newToken()],
    items: [],
    urls: () => urlsOf(alice.address),
    bobsUrls: () => urlsOf(bob.address)
  }
  const hersEver = new Set(scene.hers)
  const stolen: Array<string> = []
  const stop = cns.onNotification((one) => {
    const text = JSON.stringify(one)
    const isHis = scene.his.includes(one.deviceToken)
    if (isHis && (text.includes(alice.address) || text.includes(scene.victim))) stolen.push(text)
    // Where Exchange was too slow to say what an item is, it goes out bare, under the id that he named himself.
    const isBare = show("iOS", one.payload).title === "" && show("iOS", one.payload).body === "New message"
    if (isHis && !isBare && scene.items.some((item) => text.includes(item))) stolen.push(text)
  })
  const attack = (move: HisMove, atOnce = false) =>
    Effect.gen(function* () {
      const [allowed, act] = HIS[move]
      const got = yield* act(scene)
      for (const token of scene.hers) hersEver.add(token)
      // Between his asking for the key and his registration she may have gone.
      const isLate = atOnce && (got.code === 34 || got.code === 28)
      if (got.status !== 429 && !isLate && !(allowed as ReadonlyArray<unknown>).includes(got.code))
        stolen.push(`${move}: ${got.text}`)
      const secrets = [
        alice.address,
        `Confidential for ${alice.address}`,
        ...hersEver,
        ...scene.items,
        ...scene.urls().flatMap(({ id, url }) => [id, new URL(url).searchParams.get("f") ?? id])
      ]
      for (const secret of secrets) if (got.text.includes(secret)) stolen.push(`${move}: ${got.text}`)
    })
  for (const step of steps) {
    if (step.who === "she") yield* HERS[step.move](scene)
    else if (step.who === "he") yield* attack(step.move)
    else
      yield* Effect.all([attack(step.his, true), HERS[step.hers](scene)], {
        concurrency: "unbounded",
        discard: true
      })
  }
  if (stolen.length > 0) throw new Error(stolen.join("\n"))
  expect(storedTokens(installation, scene.victim).filter((token) => scene.his.includes(token))).toEqual([])
  // She goes on as if nothing had been: her registration works, and her mail comes to her alone.
  const again = yield* HERS.registers(scene)
  // Where Exchange is about to repeat something it takes longer.
  const living = exchange
    .subscriptions()
    .filter(({ state, user }) => user === alice.address && state !== "Unsubscribed")
  const isSteady = living.length > 0 && living.every(({ state }) => state === "Active")
  if (again.status !== 429) expect([6, 7, 17]).toContain(again.code)
  if (again.status !== 429 && isSteady) {
    const item = yield* mailTo(scene, alice)
    yield* within(
      cns.until(() =>
        cns
          .received()
          .some(
            ({ deviceToken, payload }) =>
              scene.hers.includes(deviceToken) && JSON.stringify(payload).includes(item)
          )
      ),
      "her mail",
      20
    )
  }
  if (stolen.length > 0) throw new Error(stolen.join("\n"))
  stop()
})

describe("who has the tenant's token and log-ins that are not hers", () => {
  it.scopedLive(
    "gets none of her mail, in whatever order both call, alone or at once, delegate or not",
    () =>
      Effect.gen(function* () {
        const seed = Number(process.env["ENS_TEST_SEED"] ?? Date.now() % 1_000_000_007)
        const world = yield* besieged(SEQUENCES * 8)
        yield* startService(world.installation)
        const client = makeClient(world.installation, world.apiToken)
        yield* Effect.forEach(
          fc.sample(sequences, { seed, numRuns: SEQUENCES }),
          (sequence, number) =>
            Effect.mapError(
              Effect.catchAllDefect(play({ ...world, client }, number, sequence), (error) =>
                Effect.fail(error)
              ),
              (error) =>
                new Error(`seed ${seed}, sequence ${number}: ${JSON.stringify(sequence)}\n${String(error)}`)
            ),
          { concurrency: 8, discard: true }
        )
      }),
    { timeout: 60_000 + SEQUENCES * 2_000 }
  )

  it.scopedLive("gets none of it either once she is Lost, or has gone and come back", () =>
    Effect.gen(function* () {
      const world = yield* besieged(8, {
        exchange: { mailboxes: [{ ...ALICE, delegates: [MALLORY.address] }, MALLORY] }
      })
      const { about, cns, exchange, installation, mail, phone } = world
      const client = makeClient(installation, world.apiToken)
      const iphone = yield* phone("iOS")
      const his = newToken()
      const attack = (more: Readonly<Record<string, unknown>>) =>
        client.register(
          iphone.userId,
          his,
          { emailAddress: ALICE.address, username: MALLORY.address, password: MALLORY.password },
          more
        )
      const failsInEveryWay = Effect.gen(function* () {
        for (const more of [{}, { forceSubscription: true }, { ewsUrl: exchange.url }]) {
          const { code, json } = yield* attack(more)
          expect([code, json["subscriptionId"], json["state"]]).toEqual([14, undefined, undefined])
        }
        expect(storedTokens(installation, iphone.userId)).not.toContain(his)
      })
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* startService(installation)
          yield* failsInEveryWay
          expect((yield* iphone.register()).responseCode).toBe(7)
          yield* failsInEveryWay
        })
      )
      const database = new DatabaseSync(installation.database)
      expect(database.prepare("UPDATE subscriptions SET link = 'Lost', link_since = 0").run().changes).toBe(1)
      database.close()
      yield* startService(installation)
      expect((yield* iphone.status).state).toBe("Lost")
      yield* failsInEveryWay
      expect((yield* iphone.status).state).toBe("Lost")
      expect((yield* iphone.unregister).responseCode).toBe(24)
      yield* failsInEveryWay
      expect((yield* iphone.register()).responseCode).toBe(7)
      yield* failsInEveryWay
      const item = yield* mail("For Alice alone")
      yield* within(
        cns.until(() => about(iphone, item).length === 1),
        "her mail"
      )
      expect(cns.received().filter(({ deviceToken }) => deviceToken === his)).toEqual([])
      expect(exchange.subscriptions().every(({ user }) => user === ALICE.address)).toBe(true)
    })
  )
})

describe.each(["sealed", "rsa"])("a callback URL of form %s", (form) => {
  it.scopedLive("is no registration payload, in whatever way it is cut: 34", () =>
    Effect.gen(function* () {
      const world = yield* besieged(6, { settings: { ENS_WEBHOOK_CREDENTIALS: form } })
      const { exchange, installation, phone } = world
      yield* startService(installation)
      const iphone = yield* phone("iOS")
      expect((yield* iphone.register()).responseCode).toBe(7)
      const client = makeClient(installation, world.apiToken)
      const url = new URL(exchange.subscriptions()[0]?.url ?? "").searchParams
      const [f, s] = ["f", "s"].map((name) => Buffer.from(url.get(name) ?? "", "base64url")) as [
        Buffer,
        Buffer
      ]
      const tail = f.length % 256
      const payloads = [
        f,
        f.subarray(tail),
        f.subarray(tail, tail + 256),
        f.subarray(-256),
        f.subarray(0, f.length - tail),
        Buffer.concat([f, s]),
        s
      ]
      const before = exchange.requests().length
      // Of an empty one there is nothing to decrypt: 32.
      const whole = payloads.filter(({ length }) => length > 0)
      expect(whole.length).toBeGreaterThan(3)
      for (const payload of whole.flatMap((bytes) => [
        bytes.toString("base64"),
        bytes.toString("base64url")
      ])) {
        for (const deviceToken of [newToken(), iphone.token()]) {
          const { code, status } = yield* client.send("registerdevicev2", {
            userId: iphone.userId,
            deviceToken,
            deviceType: "iOS",
            bundleId: "com.boxer.email",
            authType: "Basic",
            payload,
            ewsUrl: exchange.url
          })
          expect([status, code]).toEqual([400, 34])
        }
      }
      // Nothing of it went to Exchange, so nobody's account was locked by it.
      expect(exchange.requests()).toHaveLength(before)
      expect(storedTokens(installation, iphone.userId)).toEqual([iphone.token()])
    })
  )
})
