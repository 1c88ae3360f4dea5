import { Effect, Either } from "effect"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import { PayloadUnreadable } from "../../layers/crypto/RsaKeys.ts"
import { type Choice, EndpointPolicy, type EwsUrlNotAllowed } from "../../layers/ews/EndpointPolicy.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { AuthType } from "../../schemas/Credentials.ts"
import { RegisterDeviceRequest, readAuthType, requestReader } from "../../schemas/DeviceApi.ts"
import { Register } from "../../schemas/SubscriptionMessage.ts"
import { discreetly } from "./Discretion.ts"
import type { Call, Endpoint } from "./Endpoint.ts"
import { type Answer, tooMany } from "./Envelope.ts"
import { Limits } from "./Limits.ts"
import { noteRefused, reasonOf } from "./RefusedRegistration.ts"
import type { AuthTypeMismatch } from "./RegistrationPayload.ts"
import { RegistrationPayloads } from "./RegistrationPayloads.ts"

/** What a registration needs. */
export type RegisterServices = Storage | Subscriptions | EndpointPolicy | RegistrationPayloads | Limits

/**
 * Checks a registration in the order of the contract (32, 36, 35, 34, 36, then 14 and 16) and hands it to the user's
 * actor, which alone decides about the subscription. Nothing is stored here.
 */
export const registerDevice: Endpoint<RegisterDeviceRequest, RegisterServices> = {
  name: "registerdevicev2",
  read: requestReader(RegisterDeviceRequest),
  storageFailed: "ErrorSubscribeOrUpdateDb",
  handle: (call, request) =>
    register(call, request).pipe(
      Effect.catchTags({
        EwsUrlNotAllowed: refused(call, request, "EWSUrlMismatch"),
        PayloadUnreadable: refused(call, request, "InvalidDecryptedPayload"),
        AuthTypeMismatch: refused(call, request, "InvalidAuthType")
      }),
      Effect.tap((answer) =>
        UNNOTED.has(answer) || answer.status === 429
          ? noteRefused(call.tenant, request.userId, answer.code, reasonOf(answer))
          : Effect.void
      ),
      // Not noted: whoever floods us would have storage asked each time.
      Effect.catchTag("PayloadsCrowded", ({ message }) =>
        Effect.map(Limits, ({ refused }) => {
          refused("registrations")
          return tooMany(message, CROWDED_WAIT)
        })
      )
    )
}

/** Milliseconds; about what those that wait take. */
const CROWDED_WAIT = 5_000

const refused =
  ({ tenant }: Call, { userId }: RegisterDeviceRequest, code: Answer["code"]) =>
  (error: EwsUrlNotAllowed | PayloadUnreadable | AuthTypeMismatch): Effect.Effect<Answer, never, Storage> =>
    Effect.as(noteRefused(tenant, userId, code, reasonOf(error)), { code, message: error.message })

const register = Effect.fnUntraced(function* (call: Call, request: RegisterDeviceRequest) {
  const policy = yield* EndpointPolicy
  const chosen = yield* Effect.either(policy.choose(call.tenant, request.ewsUrl))
  const gated = call.tenant.seg || (Either.isRight(chosen) && isGateway(chosen.right))
  if (gated && request.deviceId === undefined) return DEVICE_ID_MISSING
  const authType = readAuthType(request.authType)
  if (authType === undefined) return UNKNOWN_AUTH_TYPE
  // Refused before anything is decrypted; Autodiscover, which needs the log-in, comes last.
  const choice = yield* chosen
  const registering = handOver(call, request, authType, choice)
  return yield* choice._tag === "Autodiscover" && choice.unlisted ? discreetly(registering) : registering
})

const isGateway = (choice: Choice) => choice._tag === "Endpoint" && choice.endpoint.seg

/** Opens the payload and lets the user's actor register the device. */
const handOver = Effect.fnUntraced(function* (
  call: Call,
  request: RegisterDeviceRequest,
  authType: AuthType,
  choice: Choice
) {
  const storage = yield* Storage
  const user = yield* storage.findUser(call.tenant.tenant, request.userId)
  const payloads = yield* RegistrationPayloads
  const opened = yield* payloads.open(call.tenant.tenant, user, request, authType)
  yield* Effect.logDebug(`ForceSubscription : [${request.forceSubscription ? "True" : "False"}]`)
  const subscriptions = yield* Subscriptions
  const message = new Register({
    activityId: call.activityId,
    device: deviceOf(request),
    authType,
    credentials: opened.credentials,
    tokenExpiresAt: opened.tokenExpiresAt,
    ewsUrl: choice._tag === "Endpoint" ? choice.endpoint.url : choice.wanted,
    exchangeVersion: request.exchangeVersion,
    force: request.forceSubscription
  })
  return yield* subscriptions.ask(opened.user, message).pipe(
    Effect.timeoutTo({
      duration: ANSWERED_WITHIN,
      onSuccess: (reply): Answer => reply,
      onTimeout: () => STILL_BUSY
    }),
    // Unregistered, or forgotten, while this was under way: as if it had been before.
    Effect.filterOrFail(
      ({ code }) => code !== "UserSubscriptionNotFound",
      () => new PayloadUnreadable({ failing: "no user" })
    )
  )
})

const deviceOf = (request: RegisterDeviceRequest) => ({
  token: request.deviceToken,
  platform: request.deviceType,
  bundleId: request.bundleId,
  deviceId: request.deviceId ?? null,
  policy: request.policyLimitNotificationText,
  sound: request.sound ?? null,
  environment: request.pushEnvironment
})

/** Two seconds less than the app waits. The actor goes on after it: what it achieves, the app's next try finds done. */
const ANSWERED_WITHIN = "28 seconds"

const STILL_BUSY: Answer = {
  code: "SubscribeAgain",
  message: "Exchange has not answered yet; try again",
  retryAfterSeconds: 60
}
const DEVICE_ID_MISSING: Answer = {
  code: "Failed",
  message: "deviceId is missing; the Secure Email Gateway needs it"
}
const UNKNOWN_AUTH_TYPE: Answer = {
  code: "InvalidAuthType",
  message: "authType must be Basic, OAuth, Certificate or Dual"
}
/** Refused before a job, which would have noted it. */
const UNNOTED: ReadonlySet<Answer> = new Set([DEVICE_ID_MISSING, UNKNOWN_AUTH_TYPE])
