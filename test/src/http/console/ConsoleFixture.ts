import { Effect, Layer } from "effect"
import { hashApiToken } from "../../../../layers/crypto/ApiTokenSecret.ts"
import { type GatewayHealth, Push } from "../../../../layers/push/Push.ts"
import { type NewDevice, Storage } from "../../../../layers/storage/Storage.ts"
import { type PushNotification, Verdict } from "../../../../schemas/Push.ts"
import type { SettingsShape } from "../../../../schemas/Settings.ts"
import * as Admin from "../../../../src/http/Admin.ts"
import { type Line, layer, serveHere } from "../../../support/DeviceApiFixture.ts"
import { makeOwnership } from "../../../support/ScriptedOwnership.ts"

/** An admin token, and things that must be in no answer. */
export const ADMIN = "ensadm-canary-of-an-admin-token"
export const CANARIES = {
  apiToken: "ens_canary-of-an-api-token",
  pushToken: "canary-of-a-push-token",
  watermark: "canary-of-a-watermark"
}
export const HOST = "127.0.0.1:8081"

/** What the gateways are given, and say. */
export class FakePush {
  readonly sent: Array<PushNotification> = []
  verdict: (notification: PushNotification) => Verdict = () => Verdict.Delivered()
  health: ReadonlyArray<GatewayHealth> = []
  /** Each send waits for it. */
  until: Effect.Effect<unknown> = Effect.void

  readonly layer = Layer.mock(Push, {
    isUp: () => true,
    post: () => () => {},
    send: (notification) =>
      Effect.zipRight(
        Effect.suspend(() => this.until),
        Effect.sync(() => {
          this.sent.push(notification)
          return this.verdict(notification)
        })
      ),
    health: Effect.sync(() => this.health)
  })
}

/** All that the admin listener needs; storage in memory, actors scripted. */
export const world = (
  given: {
    readonly push?: FakePush
    readonly settings?: Partial<SettingsShape>
    readonly lines?: Array<Line>
    readonly node?: ReturnType<typeof makeOwnership>
  } = {}
) =>
  Layer.merge(
    layer(given.settings, given.lines, given.node ?? makeOwnership("active")),
    (given.push ?? new FakePush()).layer
  )

type Headers = Record<string, string>
export interface Sent {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Headers
  /** The client hangs up when it is aborted. */
  readonly signal?: AbortSignal
}

/** The admin listener with one admin token that is known to it. */
export const openConsole = Effect.gen(function* () {
  const { send } = yield* serveHere(yield* Admin.app)
  yield* makeAdmin(ADMIN)
  const ask = (path: string, { body, headers, method = "GET", signal }: Sent = {}) =>
    send(path, {
      method,
      ...(signal === undefined ? {} : { signal }),
      headers: {
        host: HOST,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
    })
  const api = (path: string, sent: Sent = {}) => ask(`/console/api/${path}`, sent)
  const signIn = (token = ADMIN, headers: Headers = {}) =>
    api("session", { method: "POST", body: { token }, headers: { ...SAME_ORIGIN, ...headers } })
  /** Signs in, and sends with that session what a page would send. */
  const signedIn = Effect.fnUntraced(function* (token = ADMIN) {
    const got = yield* signIn(token)
    const cookie = cookieOf(got.headers)
    const proof = String(got.json["proof"])
    const call = (path: string, sent: Sent = {}) =>
      api(path, {
        ...sent,
        headers: { cookie, ...SAME_ORIGIN, "x-ens-console": proof, ...sent.headers }
      })
    return { got, cookie, proof, call }
  })
  return { ask, api, signIn, signedIn }
})

export const SAME_ORIGIN: Headers = { origin: `http://${HOST}` }

export const cookieOf = (headers: globalThis.Headers): string =>
  headers.get("set-cookie")?.split(";")[0] ?? ""

export const makeAdmin = (token: string, label = "Night shift") =>
  Effect.flatMap(Storage, (storage) =>
    storage.createAdminToken({ label, hash: hashApiToken(token), createdAt: 0 })
  )

/** A device of which nothing but its numbers may be shown. */
export const device = (some: Partial<NewDevice> = {}): NewDevice => ({
  token: CANARIES.pushToken,
  platform: "iOS",
  bundleId: "com.example.mail",
  deviceId: null,
  policy: 1,
  sound: null,
  environment: "production",
  registeredAt: 0,
  ...some
})
