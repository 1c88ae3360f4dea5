import { createHash, randomBytes } from "node:crypto"
import { Clock, Effect, Schema } from "effect"
import { authTypeOf, type DeviceLogin, type DevicePayload, encryptPayload } from "./DevicePayload.ts"
import { type Shown, show } from "./DeviceScreen.ts"
import { call } from "./JsonClient.ts"

export type { DeviceLogin, DevicePayload } from "./DevicePayload.ts"
export { encryptPayload } from "./DevicePayload.ts"
export type { Shown } from "./DeviceScreen.ts"
export { renderShown, show } from "./DeviceScreen.ts"

export interface DeviceOptions {
  /** Base URL of the device API, e.g. `http://127.0.0.1:8080/api/ens`. */
  readonly baseUrl: string
  /** Value of the header ENSAPIToken. */
  readonly apiToken: string
  readonly address: string
  readonly login: DeviceLogin
  readonly platform: "iOS" | "Android"
  /** Default: a random one in the platform's form. */
  readonly deviceToken?: string
  readonly bundleId?: string
  readonly deviceId?: string
  /** Default: what goes with the log-in. */
  readonly authType?: string
  readonly ewsUrl?: string
  readonly exchangeVersion?: string | number
  readonly policy?: 0 | 1 | 2 | 3 | 4
  readonly sound?: string
  readonly pushEnvironment?: "production" | "sandbox"
  /** Whether a silent push that asks for it makes the device register anew (default true). */
  readonly registersAgain?: boolean
  /** Milliseconds that a call may take (default 40 s: the service answers registrations within 30 s). */
  readonly timeout?: number
  /** PEM of the CA that signed the service's certificate. */
  readonly ca?: string
}

/** The service could not be reached, or what answered is not the device API. */
export class DeviceCallFailed extends Schema.TaggedError<DeviceCallFailed>()("DeviceCallFailed", {
  endpoint: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.endpoint} failed (${this.reason})`
  }
}

/** The envelope of every answer, what endpoints add to it, and the HTTP status. */
export const DeviceAnswer = Schema.Struct({
  status: Schema.Int,
  responseCode: Schema.Int,
  errorMessage: Schema.String,
  version: Schema.String,
  environmentType: Schema.String,
  retryAfterSeconds: Schema.optional(Schema.Number),
  publicKey: Schema.optional(Schema.String),
  subscriptionId: Schema.optional(Schema.String),
  state: Schema.optional(Schema.String),
  lastHeartbeat: Schema.optional(Schema.NullOr(Schema.String))
})
export type DeviceAnswer = typeof DeviceAnswer.Type

type Answered = Effect.Effect<DeviceAnswer, DeviceCallFailed>

/** One installation of the app on one phone. */
export interface DeviceStandIn {
  readonly platform: "iOS" | "Android"
  readonly userId: string
  /** Its push token now. */
  readonly token: () => string
  /** The number on the app's icon. */
  readonly badge: () => number
  readonly getPublicKey: Answered
  /** Fetches the public key if need be, encrypts the log-in and registers; on code 34 once more with a fresh key. */
  readonly register: (fields?: RegisterFields) => Answered
  readonly status: Answered
  /** Tells the service of a new push token and keeps it, if the service took it. */
  readonly updateToken: (newToken: string) => Answered
  readonly unregister: Answered
  readonly alive: Effect.Effect<string, DeviceCallFailed>
  /** The user's password or token changed; used from the next registration on. */
  readonly setLogin: (login: DeviceLogin) => Effect.Effect<void>
  /** A notification arrives: shows it, keeps the badge, and registers anew if it asks for that. */
  readonly receive: (payload: unknown) => Effect.Effect<Shown, DeviceCallFailed>
  /** POST of any body to any endpoint, with the device's API token. */
  readonly post: (endpoint: string, body: unknown) => Answered
}

/** Fields of a registration that differ from the options; `payload` those of its encrypted part. */
export interface RegisterFields {
  readonly forceSubscription?: boolean
  readonly policy?: 0 | 1 | 2 | 3 | 4
  readonly payload?: Partial<DevicePayload>
  /** Any other field of the request, to try things out. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** Makes a device; nothing is sent before a verb is used. */
export const makeDevice = (options: DeviceOptions): Effect.Effect<DeviceStandIn> =>
  Effect.sync(() => {
    const userId = createHash("sha256").update(options.address.toLowerCase(), "utf8").digest("hex")
    const post = (endpoint: string, body: unknown) => postJson(options, endpoint, body)
    let token = options.deviceToken ?? newToken(options.platform)
    let login = options.login
    let publicKey: string | undefined
    let badge = 0

    const getPublicKey = post("getpublickey", { userId }).pipe(
      Effect.tap((answer) => {
        publicKey = answer.publicKey ?? publicKey
      })
    )
    const registerOnce = (fields: RegisterFields): Answered =>
      Effect.gen(function* () {
        if (publicKey === undefined) {
          const answer = yield* getPublicKey
          if (answer.publicKey === undefined) return answer
        }
        const { deviceToken = token } = fields.fields ?? {}
        // What binds the payload stands in front of the log-in, see docs/device-api.md.
        const payload = encryptPayload(publicKey ?? "", {
          deviceToken: String(deviceToken),
          issuedAt: new Date(yield* Clock.currentTimeMillis).toISOString(),
          emailAddress: options.address,
          ...login,
          ...fields.payload
        })
        return yield* post(
          "registerdevicev2",
          registration(options, { userId, token, payload, login, fields })
        )
      })
    const register = (fields: RegisterFields = {}): Answered =>
      registerOnce(fields).pipe(
        Effect.flatMap((answer) => {
          if (answer.responseCode !== INVALID_DECRYPTED_PAYLOAD) return Effect.succeed(answer)
          publicKey = undefined
          return registerOnce(fields)
        })
      )
    return {
      platform: options.platform,
      userId,
      token: () => token,
      badge: () => badge,
      getPublicKey,
      register,
      status: Effect.suspend(() => post("getsubscriptionstatus", { userId, deviceToken: token })),
      updateToken: (next) =>
        Effect.suspend(() =>
          post("updatedevicetoken", { userId, oldDeviceToken: token, newDeviceToken: next })
        ).pipe(
          Effect.tap((answer) => {
            if (answer.status === 200) token = next
          })
        ),
      unregister: Effect.suspend(() => post("unregister", { userId, deviceToken: token })),
      alive: request(options, "alive", { method: "GET" }).pipe(Effect.map((answer) => answer.text)),
      setLogin: (next) =>
        Effect.sync(() => {
          login = next
        }),
      receive: (payload) =>
        Effect.gen(function* () {
          const shown = show(options.platform, payload)
          badge = shown.badge ?? badge
          if (shown.action === "resubscribe" && options.registersAgain !== false) yield* register()
          return shown
        }),
      post
    }
  })

const registration = (
  options: DeviceOptions,
  part: {
    readonly userId: string
    readonly token: string
    readonly payload: string
    readonly login: DeviceLogin
    readonly fields: RegisterFields
  }
): Readonly<Record<string, unknown>> => ({
  userId: part.userId,
  deviceToken: part.token,
  deviceType: options.platform,
  bundleId: options.bundleId ?? "com.boxer.email",
  deviceId: options.deviceId,
  authType: options.authType ?? authTypeOf(part.login),
  payload: part.payload,
  ewsUrl: options.ewsUrl,
  exchangeVersion: options.exchangeVersion,
  policyLimitNotificationText: part.fields.policy ?? options.policy,
  sound: options.sound,
  pushEnvironment: options.pushEnvironment,
  forceSubscription: part.fields.forceSubscription,
  ...part.fields.fields
})

const postJson = (options: DeviceOptions, endpoint: string, body: unknown): Answered =>
  request(options, endpoint, { method: "POST", body: JSON.stringify(body) }).pipe(
    Effect.flatMap(({ status, text }) =>
      Schema.decodeUnknown(Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown })))(
        text
      ).pipe(
        Effect.flatMap((fields) => Schema.decodeUnknown(DeviceAnswer)({ ...fields, status })),
        Effect.mapError(
          () => new DeviceCallFailed({ endpoint, reason: `HTTP ${status} without the API's envelope` })
        )
      )
    )
  )

const request = (
  options: DeviceOptions,
  endpoint: string,
  what: { readonly method: "GET" | "POST"; readonly body?: string }
) =>
  Effect.tryPromise({
    try: () =>
      call(`${options.baseUrl.replace(/\/+$/, "")}/${endpoint}`, {
        ...what,
        headers: { ENSAPIToken: options.apiToken, "Content-Type": "application/json" },
        timeout: options.timeout ?? 40_000,
        ca: options.ca
      }),
    catch: (error) =>
      new DeviceCallFailed({ endpoint, reason: error instanceof Error ? error.message : String(error) })
  })

const INVALID_DECRYPTED_PAYLOAD = 34

/** APNs tokens are 32 bytes in hex; FCM's are longer and not hex. */
const newToken = (platform: "iOS" | "Android"): string =>
  platform === "iOS"
    ? randomBytes(32).toString("hex")
    : `${randomBytes(16).toString("base64url")}:APA91b${randomBytes(100).toString("base64url")}`
