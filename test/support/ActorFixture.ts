import { randomUUID } from "node:crypto"
import { Context, Effect, Exit, Layer, Option, Redacted, Scope } from "effect"
import * as Dossiers from "../../actors/Dossiers.ts"
import * as HistoryLog from "../../actors/HistoryLog.ts"
import { KeyPool } from "../../actors/KeyPool.ts"
import * as LocalSubscriptions from "../../actors/LocalSubscriptions.ts"
import * as NudgeGateModule from "../../actors/NudgeGate.ts"
import { NudgeGate } from "../../actors/NudgeGate.ts"
import * as Outbox from "../../actors/Outbox.ts"
import { type ReplyOf, Subscriptions, type Unavailable } from "../../actors/Subscriptions.ts"
import * as Tenure from "../../actors/Tenure.ts"
import * as UserGate from "../../actors/UserGate.ts"
import * as WriteBehind from "../../actors/WriteBehind.ts"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import * as NodeRsaKeys from "../../layers/crypto/NodeRsaKeys.ts"
import * as SealedCallback from "../../layers/crypto/SealedCallback.ts"
import * as ServiceKeys from "../../layers/crypto/ServiceKeys.ts"
import { makeUserKeys, POOL_CONTEXT } from "../../layers/crypto/UserKeyring.ts"
import { Ews } from "../../layers/ews/Ews.ts"
import * as FencedPush from "../../layers/ownership/FencedPush.ts"
import { Ownership } from "../../layers/ownership/Ownership.ts"
import { Push } from "../../layers/push/Push.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { type NewDevice, Storage, type Tenant } from "../../layers/storage/Storage.ts"
import type { AuthType, Credentials } from "../../schemas/Credentials.ts"
import type { EwsEvent, ExchangeVersion } from "../../schemas/EwsMessage.ts"
import {
  type ActivityId,
  type ItemId,
  type UserNumber,
  userIdOfAddress,
  type Watermark
} from "../../schemas/Ids.ts"
import { type PushNotification, Verdict } from "../../schemas/Push.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import {
  Callback,
  GetStatus,
  Register,
  type SubscriptionRequest,
  Unregister,
  UpdateDeviceToken
} from "../../schemas/SubscriptionMessage.ts"
import { settingsOf } from "./CryptoFixture.ts"
import * as FakeEwsModule from "./FakeEws.ts"
import { FakeEws, type FakeSubscription, inboxIdOf, type NewMail } from "./FakeEws.ts"
import * as FakePushModule from "./FakePush.ts"
import { FakePush } from "./FakePush.ts"
import { layerFaulty, StorageFaults } from "./FaultyStorage.ts"
import { fencedStorage } from "./FencedStorage.ts"
import { Interruptions } from "./Interruptions.ts"
import * as LogRecorder from "./LogRecorder.ts"
import * as Mortal from "./Mortal.ts"
import { EWS_URL, makePlaces, type Places } from "./Places.ts"
import { makeOwnership, type ScriptedOwnership } from "./ScriptedOwnership.ts"
import { StepClock, settled } from "./StepClock.ts"

export { EWS_URL, LETHAL_URL, OTHER_URL } from "./Places.ts"

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
const START = 1_760_000_000_000

/** A request under way: its reply once there is one, and how often there was one (once, if all is well). */
export interface Pending<A> {
  reply: A | Unavailable | undefined
  replies: number
}

/** What a callback says; the rest comes from the subscription that Exchange has. */
export interface CallbackOptions {
  /** Which of the address's subscriptions, in order; the newest if absent. */
  readonly subscription?: FakeSubscription
  readonly errorCode?: string
  readonly hurried?: boolean
  readonly previousWatermark?: string
}

export interface RegisterOptions {
  readonly token?: string
  readonly device?: Partial<NewDevice>
  readonly credentials?: Partial<Credentials>
  readonly authType?: AuthType
  readonly tokenExpiresAt?: number
  readonly ewsUrl?: string
  /** Names no EWS URL: Autodiscover has to find it. */
  readonly discover?: boolean
  readonly exchangeVersion?: ExchangeVersion
  readonly force?: boolean
}

/** A mail as Exchange reports its arrival. */
export interface Arrived {
  readonly item: ItemId
  readonly events: ReadonlyArray<EwsEvent>
}

/** One running process: the whole actor assembly. */
export interface Process {
  readonly subscriptions: Subscriptions["Type"]
  readonly post: <R extends SubscriptionRequest>(user: UserNumber, request: R) => Pending<ReplyOf<R>>
  readonly register: (address: string, options?: RegisterOptions) => Pending<ReplyOf<Register>>
  /** Registers and waits for the reply. */
  readonly registered: (address: string, options?: RegisterOptions) => Effect.Effect<ReplyOf<Register>>
  readonly callback: (
    address: string,
    events: ReadonlyArray<EwsEvent>,
    options?: CallbackOptions
  ) => Effect.Effect<Pending<ReplyOf<Callback>>>
  readonly heartbeat: (
    address: string,
    options?: CallbackOptions
  ) => Effect.Effect<Pending<ReplyOf<Callback>>>
  /** A mail arrives in the mailbox, Exchange calls back, and everything that needs no time is done. */
  readonly mail: (
    address: string,
    mail?: NewMail
  ) => Effect.Effect<Pending<ReplyOf<Callback>> & { readonly arrived: Arrived }>
  readonly status: (address: string, deviceToken?: string) => Effect.Effect<ReplyOf<GetStatus>>
  readonly unregister: (address: string, token: string, ewsUrl?: string) => Effect.Effect<ReplyOf<Unregister>>
  readonly updateToken: (
    address: string,
    oldToken: string,
    newToken: string
  ) => Effect.Effect<ReplyOf<UpdateDeviceToken>>
  /** An orderly end. */
  readonly stop: Effect.Effect<void>
  /** `kill -9`: nothing of it gets anywhere any more. */
  readonly kill: Effect.Effect<void>
}

/** What outlives a process: storage, Exchange, gateways, master key; and the test's hands. */
export interface World {
  readonly clock: StepClock
  readonly ews: FakeEws["Type"]
  readonly push: FakePush["Type"]
  readonly storage: Storage["Type"]
  readonly faults: StorageFaults["Type"]
  readonly seal: CallbackSeal["Type"]
  /** What the processes that are started may act for; all at first. */
  readonly owned: { buckets: (bucket: number) => boolean }
  /** Defects in the layers below: fetching these items, sending them, or sending to these tokens dies. */
  readonly lethal: {
    readonly details: Set<ItemId>
    readonly items: Set<ItemId>
    readonly tokens: Set<string>
  }
  /** Await points of the processes' jobs: calls to storage, Exchange and gateways. */
  readonly interruptions: Interruptions
  readonly tenant: Tenant
  readonly places: Places
  readonly lines: ReadonlyArray<LogRecorder.LogLine>
  /** How many subscriptions the nudge gate counts, host by host. */
  readonly population: () => ReadonlyArray<number>
  /** Texts of log lines of this level. */
  readonly logged: (level: string) => ReadonlyArray<string>
  readonly start: Effect.Effect<Process, never, Scope.Scope>
  /** With other settings than the world was made with. */
  readonly startWith: (some: Partial<SettingsShape>) => Effect.Effect<Process, never, Scope.Scope>
  /** As a node that is what the test says; it is told apart from others of the same storage by nothing else. */
  readonly startAs: (node: ScriptedOwnership) => Effect.Effect<Process, never, Scope.Scope>
  readonly advance: (ms: number, step?: number) => Effect.Effect<void>
  readonly settled: Effect.Effect<void>
  /** The user of this address, made if it does not exist (as `getpublickey` does). */
  readonly user: (address: string) => Effect.Effect<UserNumber>
  /** Titles, or bodies where there is none, of the mails that this phone shows. */
  readonly titles: (token: string) => Effect.Effect<ReadonlyArray<string>>
  readonly arrive: (address: string, mail?: NewMail) => Effect.Effect<Arrived>
  readonly subscription: (address: string) => Effect.Effect<FakeSubscription>
}

/** A key that no actor ever uses: registration payloads are opened before an actor sees them. */
const someKey = Buffer.from("not an RSA key, but long enough to be wrapped")

/** Storage methods that no actor's job calls. */
const BACKGROUND = [
  "subscriptions",
  "saveHot",
  "saveLinks",
  "saveStates",
  "outboxUsers",
  "outboxSize",
  "expireOutbox",
  "histories",
  "saveHistories"
] as const

let watermarks = 0
const nextWatermark = () => `watermark-${++watermarks}-of-events` as Watermark

const event = (kind: EwsEvent["kind"], more: Partial<EwsEvent>): EwsEvent => ({
  kind,
  watermark: nextWatermark(),
  timestamp: undefined,
  itemId: undefined,
  folderId: undefined,
  parentFolderId: undefined,
  unreadCount: undefined,
  ...more
})

/** Events as Exchange reports them. */
export const events = {
  status: () => event("Status", {}),
  created: (address: string, item: ItemId, timestamp: number) =>
    event("Created", { itemId: item, parentFolderId: inboxIdOf(address), timestamp }),
  newMail: (address: string, item: ItemId, timestamp: number) =>
    event("NewMail", { itemId: item, parentFolderId: inboxIdOf(address), timestamp }),
  modified: (address: string, item: ItemId) =>
    event("Modified", { itemId: item, parentFolderId: inboxIdOf(address) }),
  moved: (address: string, item: ItemId) =>
    event("Moved", { itemId: item, parentFolderId: inboxIdOf(address) }),
  deleted: (address: string, item: ItemId) =>
    event("Deleted", { itemId: item, parentFolderId: inboxIdOf(address) }),
  folder: (folder: ItemId, unreadCount: number | undefined) =>
    event("Modified", { folderId: folder, unreadCount })
}

/**
 * A new world; the fixture's processes live in the scope. `stage`: takes the place of the fake one. `before`: stands before
 * the fake Exchange.
 */
export const makeWorld = (
  some: Partial<SettingsShape> = {},
  stage?: Effect.Effect<Push["Type"], never, Scope.Scope>,
  before: (exchange: Ews["Type"]) => Effect.Effect<Ews["Type"]> = Effect.succeed
) =>
  Effect.gen(function* () {
    const clock = new StepClock(START)
    const lines: Array<LogRecorder.LogLine> = []
    const settingsWith = (others: Partial<SettingsShape>) =>
      settingsOf({ textNewMessage: "New message", textNewMessages: "%d new messages", ...some, ...others })
    const { layer: placesLayer, places } = makePlaces()
    const outside = Layer.mergeAll(
      layerFaulty(MemoryStorage.layer),
      FakeEwsModule.layer,
      FakePushModule.layer,
      LocalMasterKey.layerTest,
      NodeRsaKeys.layer,
      settingsWith({}),
      placesLayer
    )
    const context = yield* Layer.build(
      SealedCallback.layer.pipe(Layer.provideMerge(Layer.provideMerge(ServiceKeys.layer, outside)))
    )
    const storage = Context.get(context, Storage)
    const ews = Context.get(context, FakeEws)
    const push = Context.get(context, FakePush)
    const seal = Context.get(context, CallbackSeal)
    yield* storage.createToken({
      tenant: "default",
      label: "test",
      hash: new Uint8Array(32),
      ewsUrls: [EWS_URL],
      ewsPins: [],
      seg: false,
      createdAt: clock.now
    })
    const tenant = Option.getOrThrow(yield* storage.tenantOfToken(new Uint8Array(32)))
    const users = new Map<string, UserNumber>()
    const population = new Map<number, number>()
    const countingNudges = Layer.map(NudgeGateModule.layer, (built) => {
      const gate = Context.get(built, NudgeGate)
      const count = (host: number, by: number) => {
        const left = (population.get(host) ?? 0) + by
        if (left === 0) population.delete(host)
        else population.set(host, left)
      }
      return Context.make(NudgeGate, {
        ...gate,
        joined: (host) => {
          count(host, 1)
          gate.joined(host)
        },
        left: (host) => {
          count(host, -1)
          gate.left(host)
        }
      })
    })
    const owned: World["owned"] = { buckets: () => true }
    const lethal: World["lethal"] = { details: new Set(), items: new Set(), tokens: new Set() }
    const interruptions = new Interruptions(BACKGROUND)
    const realEws = yield* Effect.withClock(before(Context.get(context, Ews)), clock)
    const realPush = stage ? yield* Effect.withClock(stage, clock) : Context.get(context, Push)
    const deadlyEws: Ews["Type"] = {
      open: (account) => {
        const session = interruptions.wrap(realEws.open(account))
        return {
          ...session,
          mails: (items, shape, timeout) =>
            items.some((item) => lethal.details.has(item))
              ? Effect.die(new Error("a defect that quotes ann@example.com"))
              : session.mails(items, shape, timeout)
        }
      }
    }
    const isDeadly = ({ payload, target }: PushNotification) =>
      lethal.tokens.has(target.token) ||
      lethal.items.has((payload.ens as { messageId?: ItemId })?.messageId as ItemId)
    const deadlyPush: Push["Type"] = {
      ...realPush,
      send: (notification) =>
        isDeadly(notification)
          ? Effect.die(new Error("a defect that quotes ann@example.com"))
          : realPush.send(notification),
      post: (notification, until, answered) => {
        if (isDeadly(notification)) throw new Error("a defect that quotes ann@example.com")
        return realPush.post(notification, until, answered)
      }
    }

    const user = (address: string) =>
      Effect.gen(function* () {
        const userId = userIdOfAddress(address)
        const master = Context.get(context, MasterKey)
        const keys = yield* makeUserKeys(tenant.tenant, userId, master.wrap(someKey, POOL_CONTEXT))
        const made = yield* storage.createUser({ tenant: tenant.tenant, userId, keys, createdAt: clock.now })
        users.set(address, made.user)
        return made.user
      }).pipe(Effect.provide(context), Effect.orDie)

    const numberOf = (address: string): UserNumber => {
      const known = users.get(address)
      if (known === undefined) throw new Error(`make the user ${address} first`)
      return known
    }

    const subscription = (address: string) =>
      Effect.map(ews.subscriptions(address), (all) => {
        const last = all.at(-1)
        if (last === undefined) throw new Error(`Exchange has no subscription of ${address}`)
        return last
      })

    const arrive = (address: string, mail: NewMail = {}) =>
      Effect.gen(function* () {
        const item = yield* ews.deliver(address, mail)
        const unread = yield* ews.unread(address)
        return {
          item,
          events: [
            events.created(address, item, clock.now),
            events.newMail(address, item, clock.now),
            events.folder(inboxIdOf(address), unread)
          ]
        }
      })

    const callbackOf = (address: string, list: ReadonlyArray<EwsEvent>, options: CallbackOptions) =>
      Effect.map(
        options.subscription === undefined ? subscription(address) : Effect.succeed(options.subscription),
        ({ callbackUrl, subscriptionId }) => {
          const query = new URL(callbackUrl).searchParams
          const f = query.get("f") ?? ""
          const verified = seal.verify(query.get("id") ?? "", f, query.get("s") ?? "")
          if (verified === undefined) throw new Error("a callback URL that is not ours")
          const request = Callback.make({
            activityId: randomUUID() as ActivityId,
            generation: verified.generation,
            subscriptionId,
            previousWatermark: options.previousWatermark as Watermark | undefined,
            events: list,
            errorCode: options.errorCode,
            f: Redacted.make(f),
            hurried: options.hurried ?? false
          })
          return { user: verified.user, request }
        }
      )

    const startWith = Effect.fnUntraced(function* (
      others: Partial<SettingsShape>,
      node = makeOwnership("active", (bucket) => owned.buckets(bucket))
    ) {
      const mortal = yield* Mortal.make
      const scope = yield* Scope.make()
      const settings = yield* Layer.build(settingsWith(others))
      const seen = Layer.succeedContext(
        Context.merge(context, settings).pipe(
          Context.add(Storage, fencedStorage(mortal.wrap(interruptions.wrap(storage)), node)),
          Context.add(Ews, mortal.wrap(deadlyEws)),
          Context.add(Push, fencedPush(node, mortal.wrap(interruptions.wrap(deadlyPush))))
        )
      )
      const actors = Outbox.layer.pipe(
        Layer.provideMerge(LocalSubscriptions.layer),
        Layer.provideMerge(countingNudges),
        Layer.provideMerge(
          Layer.mergeAll(WriteBehind.layer, Dossiers.layer, UserGate.layer, HistoryLog.layer, noKeys)
        )
      )
      const { service } = node
      const assembly = Tenure.layer(actors).pipe(
        Layer.provideMerge(Layer.succeed(Ownership, service)),
        Layer.provideMerge(SealedCallback.layer),
        Layer.provide(seen),
        Layer.provideMerge(LogRecorder.layer(lines)),
        Layer.provide(seen)
      )
      const built = yield* Layer.buildWithScope(assembly, scope).pipe(Effect.orDie)
      const subscriptions = Context.get(built, Subscriptions)
      let open = true
      const close = Effect.gen(function* () {
        if (!open) return
        open = false
        yield* Scope.close(scope, Exit.void)
      })
      yield* Effect.addFinalizer(() =>
        Effect.gen(function* () {
          if (!open) return
          const closing = yield* Effect.fork(Effect.zipRight(mortal.bury, close))
          yield* settled
          yield* clock.advance(30_000, 10_000)
          yield* closing.await
        }).pipe(Effect.withClock(clock))
      )
      yield* settled

      const post = <R extends SubscriptionRequest>(number: UserNumber, request: R): Pending<ReplyOf<R>> => {
        const pending: Pending<ReplyOf<R>> = { reply: undefined, replies: 0 }
        subscriptions.post(number, request, (reply) => {
          pending.reply = reply
          pending.replies += 1
        })
        return pending
      }

      const answered = <R extends SubscriptionRequest>(address: string, request: R) =>
        Effect.gen(function* () {
          const pending = post(numberOf(address), request)
          yield* settled
          return replyOf(pending)
        })

      const register = (address: string, options: RegisterOptions = {}) =>
        post(numberOf(address), registerRequest(address, options))

      const callback = (
        address: string,
        list: ReadonlyArray<EwsEvent>,
        options: CallbackOptions = {}
      ): Effect.Effect<Pending<ReplyOf<Callback>>> =>
        Effect.gen(function* () {
          const { request, user: number } = yield* callbackOf(address, list, options)
          const pending = post(number, request)
          yield* settled
          return pending
        })

      const process: Process = {
        subscriptions,
        post,
        register,
        registered: (address, options) =>
          Effect.gen(function* () {
            const pending = register(address, options)
            yield* settled
            return replyOf(pending)
          }),
        callback,
        heartbeat: (address, options) => callback(address, [events.status()], options),
        mail: (address, mail) =>
          Effect.gen(function* () {
            const arrived = yield* arrive(address, mail)
            const pending = yield* callback(address, arrived.events)
            return Object.assign(pending, { arrived })
          }),
        status: (address, deviceToken) =>
          answered(address, GetStatus.make({ activityId: activity(), deviceToken })),
        unregister: (address, token, ewsUrl) =>
          answered(address, Unregister.make({ activityId: activity(), deviceToken: token, ewsUrl })),
        updateToken: (address, oldToken, newToken) =>
          answered(address, UpdateDeviceToken.make({ activityId: activity(), oldToken, newToken })),
        stop: close,
        kill: Effect.sync(() => mortal.kill())
      }
      return process
    })

    const world: World = {
      clock,
      ews,
      push,
      storage,
      faults: Context.get(context, StorageFaults),
      seal,
      lethal,
      interruptions,
      owned,
      tenant,
      places,
      lines,
      population: () => [...population.values()],
      logged: (level) => lines.filter((line) => line.level === level).map((line) => line.text),
      start: Effect.withClock(startWith({}), clock),
      startWith: (others) => Effect.withClock(startWith(others), clock),
      startAs: (node) => Effect.withClock(startWith({}, node), clock),
      advance: (ms, step) => clock.advance(ms, step),
      settled,
      user,
      titles: (token) => Effect.map(push.shown(token), (shown) => shown.map(titleOf)),
      arrive,
      subscription
    }
    return { world, clock }
  })

/** No actor asks for one. */
const noKeys = Layer.mock(KeyPool, {})

/** As the gateways of the service are: see `FencedPush`. */
const fencedPush = ({ service }: ScriptedOwnership, push: Push["Type"]): Push["Type"] => ({
  ...push,
  send: (notification, until) =>
    Effect.suspend(() =>
      FencedPush.maySend(notification, service)
        ? push.send(notification, until)
        : Effect.succeed(Verdict.RetryLater({ after: 0 }))
    ),
  post: (notification, until, answered) => {
    if (FencedPush.maySend(notification, service)) return push.post(notification, until, answered)
    answered(Verdict.RetryLater({ after: 0 }))
    return () => {}
  }
})

const activity = () => randomUUID() as ActivityId

const replyOf = <A>({ reply }: Pending<A>): A => {
  if (reply === undefined) throw new Error("no reply yet")
  if (typeof reply === "object" && reply !== null && "_tag" in reply) throw reply
  return reply as A
}

const registerRequest = (address: string, options: RegisterOptions): Register =>
  Register.make({
    activityId: activity(),
    device: {
      token: options.token ?? "phone",
      platform: "iOS",
      bundleId: "com.example.mail",
      deviceId: null,
      policy: 1,
      sound: null,
      environment: "production",
      ...options.device
    },
    authType: options.authType ?? "Basic",
    credentials: Redacted.make(
      options.credentials?.accessToken === undefined
        ? { address, password: "s3cret-word", ...options.credentials }
        : { address, ...options.credentials }
    ),
    tokenExpiresAt: options.tokenExpiresAt ?? null,
    ewsUrl: options.discover ? undefined : (options.ewsUrl ?? EWS_URL),
    exchangeVersion: options.exchangeVersion,
    force: options.force ?? false
  })

/** What the phone shows of a notification, in one line: title, subtitle, body. */
const titleOf = ({ payload }: { readonly payload: Readonly<Record<string, unknown>> }): string => {
  const { alert = payload } = (payload.aps ?? {}) as { alert?: Record<string, unknown> }
  const { body, subtitle, title } = alert as Record<string, string | undefined>
  return [title, subtitle, body].filter((text) => text !== undefined).join(" · ")
}

/** Runs a scenario in a world of its own. */
export const inWorld =
  <E>(
    body: (world: World) => Effect.Effect<void, E, Scope.Scope>,
    some: Partial<SettingsShape> = {},
    stage?: Effect.Effect<Push["Type"], never, Scope.Scope>,
    before?: (exchange: Ews["Type"]) => Effect.Effect<Ews["Type"]>
  ) =>
  (): Effect.Effect<void, E, Scope.Scope> =>
    Effect.gen(function* () {
      const { clock, world } = yield* Effect.orDie(makeWorld(some, stage, before))
      yield* Effect.withClock(body(world), clock)
    })
