import * as HttpApp from "@effect/platform/HttpApp"
import { Cause, Effect, HashMap, Layer, Logger, LogLevel, Option, type Scope } from "effect"
import { KeyPool } from "../../actors/KeyPool.ts"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import * as NodeRsaKeys from "../../layers/crypto/NodeRsaKeys.ts"
import { RsaKeys } from "../../layers/crypto/RsaKeys.ts"
import { POOL_CONTEXT } from "../../layers/crypto/UserKeyring.ts"
import { EndpointPolicy, EwsUrlNotAllowed } from "../../layers/ews/EndpointPolicy.ts"
import { Ownership } from "../../layers/ownership/Ownership.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { userIdOfAddress } from "../../schemas/Ids.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import * as ApiTokens from "../../src/http/ApiTokens.ts"
import * as DeviceRoutes from "../../src/http/DeviceRoutes.ts"
import * as Intake from "../../src/http/Intake.ts"
import * as Limits from "../../src/http/Limits.ts"
import * as RegistrationPayloads from "../../src/http/RegistrationPayloads.ts"
import { settingsOf, somePrivateKey } from "./CryptoFixture.ts"
import * as FakeSubscriptions from "./FakeSubscriptions.ts"
import { layerFaulty } from "./FaultyStorage.ts"
import { makeOwnership } from "./ScriptedOwnership.ts"

export const TOKEN = "a token of the tenant default, long enough"
export const ADDRESS = "Ann@example.com"
export const USER_ID = userIdOfAddress(ADDRESS)
export const EWS_URL = "https://mail.example.com/EWS/Exchange.asmx"

const poolKey = somePrivateKey()
const poolLayer = Layer.effect(
  KeyPool,
  Effect.map(MasterKey, (master) => {
    const take = Effect.sync(() => master.wrap(poolKey, POOL_CONTEXT))
    return { take, takeSpare: Effect.asSome(take) }
  })
)

/** A Secure Email Gateway stands there. */
export const SEG_URL = "https://seg.example.com/EWS/Exchange.asmx"

/** Allows `EWS_URL` and `SEG_URL` only; without a request there is a URL unless the tenant is called `unlisted`. */
const policyLayer = Layer.succeed(EndpointPolicy, {
  choose: (tenant, requested) => {
    if (requested !== undefined && requested !== EWS_URL && requested !== SEG_URL) {
      return new EwsUrlNotAllowed({ host: "elsewhere" })
    }
    if (requested === undefined && tenant.name === "unlisted") {
      return Effect.succeed({ _tag: "Autodiscover", wanted: undefined, unlisted: true })
    }
    return Effect.succeed({
      _tag: "Endpoint",
      endpoint: {
        url: requested ?? EWS_URL,
        listed: true,
        pins: [],
        seg: tenant.seg || requested === SEG_URL
      }
    })
  },
  recall: () => new EwsUrlNotAllowed({ host: "elsewhere" })
})

/** A line of the log as the test sees it: level, texts, cause, annotations. */
export interface Line {
  readonly level: string
  readonly text: string
  readonly annotations: Record<string, unknown>
}

/** Collects log lines of every level and prints none. */
export const recordLog = (lines: Array<Line>) =>
  Layer.merge(
    Logger.minimumLogLevel(LogLevel.All),
    Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ annotations, cause, logLevel, message }) => {
        const texts = [message].flat().map((part) => (typeof part === "string" ? part : JSON.stringify(part)))
        const causes = Cause.isEmpty(cause) ? [] : [Cause.pretty(cause)]
        lines.push({
          level: logLevel.label,
          text: [...texts, ...causes].join(" "),
          annotations: Object.fromEntries(HashMap.toEntries(annotations))
        })
      })
    )
  )

/** Everything the public routes need, actors scripted, storage in memory and made to fail on demand. */
export const layer = (
  some: Partial<SettingsShape> = {},
  lines: Array<Line> = [],
  node = makeOwnership("active"),
  rsa = NodeRsaKeys.layer
) =>
  Layer.mergeAll(
    ApiTokens.layer,
    poolLayer,
    policyLayer,
    Intake.layer,
    Limits.layer,
    RegistrationPayloads.layer,
    FakeSubscriptions.layer,
    Layer.succeed(Ownership, node.service)
  ).pipe(
    Layer.provideMerge(Layer.mergeAll(LocalMasterKey.layerTest, rsa, layerFaulty(MemoryStorage.layer))),
    Layer.provideMerge(recordLog(lines)),
    Layer.provideMerge(
      settingsOf({
        basePaths: ["/api/ens", "/MailNotificationService/api/ens"],
        environmentType: "OnPrem",
        ...some
      })
    )
  )

export interface Got {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON, {} if it is none. */
  readonly json: Record<string, unknown>
}

/** The routes without a socket; call it once per test. */
export const open = Effect.gen(function* () {
  return yield* serveHere(yield* DeviceRoutes.app)
})

/** Any app without a socket. */
export const serveHere = Effect.fnUntraced(function* (app: HttpApp.Default<never, Scope.Scope>) {
  const handler = HttpApp.toWebHandlerRuntime(yield* Effect.runtime<never>())(app)
  const send = (path: string, init: RequestInit = {}) =>
    Effect.promise(async (): Promise<Got> => {
      const response = await handler(new Request(`http://ens.test${path}`, init))
      const text = await response.text()
      const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: isJson ? JSON.parse(text) : {}
      }
    })
  const post = (endpoint: string, body: unknown, headers: Record<string, string> = { ENSAPIToken: TOKEN }) =>
    send(endpoint.startsWith("/") ? endpoint : `/api/ens/${endpoint}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body)
    })
  return { send, post }
})

/** Makes a token, and with it its tenant. */
export const makeToken = (token = TOKEN, tenant = "default", seg = false) =>
  Effect.flatMap(Storage, (storage) =>
    storage.createToken({
      tenant,
      label: "test",
      hash: hashApiToken(token),
      ewsUrls: [],
      ewsPins: [],
      seg,
      createdAt: 0
    })
  )

/** A registration whose payload is encrypted to the user's key, as the app does it; `outside` and `inside` override. */
export const registration = Effect.fnUntraced(function* (
  publicKey: unknown,
  outside: Record<string, unknown> = {},
  inside: Record<string, unknown> = {}
) {
  const rsa = yield* RsaKeys
  const credentials = { emailAddress: ADDRESS, username: "ann", password: "s3cret-word", ...inside }
  const payload = rsa.encryptBlocks(
    Buffer.from(String(publicKey), "base64"),
    Buffer.from(JSON.stringify(credentials))
  )
  return {
    userId: USER_ID,
    deviceToken: "token-1",
    deviceType: "iOS",
    bundleId: "com.example.mail",
    authType: "Basic",
    payload: payload.toString("base64"),
    ewsUrl: EWS_URL,
    ...outside
  }
})

/** The number of the user, made known by `getpublickey`. */
export const userNumber = Effect.gen(function* () {
  const storage = yield* Storage
  const tenant = Option.getOrThrow(yield* storage.tenantOfToken(hashApiToken(TOKEN)))
  return Option.getOrThrow(yield* storage.findUser(tenant.tenant, USER_ID)).user
})
