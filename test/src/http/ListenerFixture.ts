import { randomBytes } from "node:crypto"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Layer, Redacted } from "effect"
import { Subscriptions, type Unavailable } from "../../../actors/Subscriptions.ts"
import { encodeHeader } from "../../../layers/crypto/CallbackHeader.ts"
import { CallbackMac } from "../../../layers/crypto/CallbackMac.ts"
import { CallbackSeal } from "../../../layers/crypto/CallbackSeal.ts"
import { Ownership } from "../../../layers/ownership/Ownership.ts"
import type { Generation, TenantNumber, UserNumber } from "../../../schemas/Ids.ts"
import { Settings, type SettingsShape } from "../../../schemas/Settings.ts"
import type { Callback, CallbackReply } from "../../../schemas/SubscriptionMessage.ts"
import { ApiTokens } from "../../../src/http/ApiTokens.ts"
import * as CallbackListener from "../../../src/http/CallbackListener.ts"
import * as Intake from "../../../src/http/Intake.ts"
import * as Limits from "../../../src/http/Limits.ts"
import * as PublicListener from "../../../src/http/PublicListener.ts"
import { defaultEwsSettings } from "../../support/EwsSettings.ts"
import { NO_LIMITS } from "../../support/NoLimits.ts"
import { defaultPushSettings } from "../../support/PushSettings.ts"
import { makeOwnership } from "../../support/ScriptedOwnership.ts"
import { noTls } from "../../support/TlsFiles.ts"

export const PATH = "/api/ens/pushnotificationlistener"

const settings: SettingsShape = {
  host: "127.0.0.1",
  port: 0,
  adminHost: "127.0.0.1",
  adminPort: 0,
  publicUrl: "http://127.0.0.1/api/ens",
  basePaths: ["/api/ens", "/MailNotificationService/api/ens"],
  environmentType: "OnPrem",
  tls: noTls,
  dataDir: "/nonexistent",
  databaseUrl: Redacted.make("file::memory:"),
  masterKey: { value: Redacted.make("") },
  statusFrequencyMinutes: 15,
  heartbeatCheckMinutes: 30,
  webhookCredentials: "sealed",
  callbackDeadline: 10_000,
  trustedProxies: [],
  limits: NO_LIMITS,
  callbackSources: [],
  crashDumps: "off",
  callbackHeldMax: 2,
  renewRate: 50,
  minPolicy: 0,
  ...defaultEwsSettings,
  userKeyMaxAge: undefined,
  retain: { devices: undefined, lost: undefined, events: undefined },
  keyPool: { batch: 1, threshold: 1, interval: 60_000 },
  ...defaultPushSettings,
  textNewMessage: "New message",
  textNewMessages: "%d new messages",
  log: { format: "json", level: "info", file: undefined },
  logRotation: { size: undefined, age: undefined, keep: 14 },
  auditFile: undefined,
  console: "on",
  otel: {
    endpoint: undefined,
    headers: undefined,
    serviceName: "ens",
    resourceAttributes: {},
    sampled: 1
  }
}

/** A callback that reached the actors, and the way back. */
export interface Posted {
  readonly user: UserNumber
  readonly callback: Callback
  readonly reply: (reply: CallbackReply | Unavailable) => void
}

/**
 * The public listener on a free port with a real MAC behind it, actors that a test speaks for, and counters that show
 * what was not called.
 */
export class ListenerFixture {
  readonly #mac = new CallbackMac(randomBytes(32))
  readonly #arrivals: Array<Posted> = []
  #wake: () => void = () => {}
  /** What the actors answer at once; undefined: the test answers, see `arrival`. */
  autoReply: CallbackReply | Unavailable | undefined = "Ok"
  onPost: () => void = () => {}
  /** What the node is. */
  readonly node = makeOwnership("active")
  posts = 0
  opens = 0

  /** Path and query of an authentic callback URL. */
  url(user = "7", generation = 3, path = PATH): string {
    const header = {
      mode: "sealed" as const,
      keyId: Buffer.alloc(4),
      tenant: 1 as TenantNumber,
      generation: generation as Generation
    }
    const f = `${encodeHeader(header).toString("base64url")}${"x".repeat(200)}`
    return `${path}?id=${user}&f=${f}&s=${this.#mac.sign(user as UserNumber, header, f)}`
  }

  /** The next callback that the actors are to answer. */
  async arrival(): Promise<Posted> {
    for (;;) {
      const arrived = this.#arrivals.shift()
      if (arrived !== undefined) return arrived
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  readonly listen = (changes: Partial<SettingsShape> = {}) =>
    Layer.build(
      PublicListener.layer(app).pipe(
        Layer.provideMerge(CallbackListener.layer),
        Layer.provideMerge(Layer.mergeAll(Intake.layer, Limits.layer, tokens)),
        Layer.provide(Layer.succeed(Ownership, this.node.service)),
        Layer.provide(this.#seal),
        Layer.provide(this.#subscriptions),
        Layer.provide(Layer.succeed(Settings, { ...settings, ...changes }))
      )
    )

  get #seal() {
    const called = Effect.sync(() => {
      this.opens++
    }).pipe(Effect.zipRight(Effect.dieMessage("the listener must not open or make URLs")))
    return Layer.succeed(CallbackSeal, {
      verify: (id, f, s) => this.#mac.verify(id, f, s),
      makeUrl: () => called,
      isFor: () => called,
      open: () => called
    })
  }

  get #subscriptions() {
    const unused = Effect.dieMessage("not part of these tests")
    return Layer.succeed(Subscriptions, {
      ask: () => unused,
      tell: () => unused,
      count: Effect.succeed(0),
      loaded: () => true,
      post: (user, request, reply) => {
        this.posts++
        this.onPost()
        if (request._tag !== "Callback") throw new Error("not a callback")
        const back = reply as Posted["reply"]
        if (this.autoReply !== undefined) back(this.autoReply)
        else {
          this.#arrivals.push({ user, callback: request, reply: back })
          this.#wake()
        }
      }
    })
  }
}

/** The API token that is known. */
export const KNOWN_TOKEN = "a token that is known"

const unused = Effect.dieMessage("the listener itself asks nobody about tokens")
const tokens = Layer.succeed(ApiTokens, {
  tenantOf: () => unused,
  knows: (token) => token === KNOWN_TOKEN,
  refresh: unused
})

/** Stands for the device API: names the path it was asked for, and holds `/slow` until it is told to go on. */
export const slow = { go: () => {} }
const app = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (request.url === "/slow") {
    yield* Effect.async<void>((resume) => {
      slow.go = () => resume(Effect.void)
    })
  }
  return HttpServerResponse.text(`app ${request.url}`)
})
