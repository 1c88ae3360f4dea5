import { randomUUID } from "node:crypto"
import type { SecureContextOptions } from "node:tls"
import { Effect, type Scope } from "effect"
import { deleteApp, initializeApp } from "firebase-admin/app"
import { FirebaseMessagingError, getMessaging } from "firebase-admin/messaging"
import { type PushNotification, Verdict } from "../../schemas/Push.ts"
import type { FcmSettings } from "../../schemas/Settings.ts"
import * as FcmAccessToken from "./FcmAccessToken.ts"
import { messageOf } from "./FcmMessage.ts"
import { type FcmReply, type FcmResponse, readReply } from "./FcmReply.ts"
import * as FcmRequests from "./FcmRequests.ts"
import * as FcmServiceAccount from "./FcmServiceAccount.ts"
import type { Gateway } from "./Gateway.ts"
import { codeOf, reasonOf } from "./NetworkTrouble.ts"
import { PushSetupError } from "./PushSetupError.ts"
import { TokenRefusals } from "./TokenRefusals.ts"

export interface FcmOptions {
  readonly settings: FcmSettings
  /** Authorities to trust instead of the known ones, and the like; given to TLS as they are. */
  readonly tls?: SecureContextOptions
  /** Milliseconds that a request may take, connecting included. */
  readonly timeout?: number
}

/**
 * Gateway `fcm`: Firebase Cloud Messaging, by firebase-admin's `send` (HTTP/1.1 over kept connections). It serves Android
 * devices, and iOS devices whose tokens are FCM's. A notification is one request, and many are under way at once. See
 * `FcmReply` for what each answer means; what firebase-admin would do by itself about trouble is off (`FcmRequests`).
 */
export const make = Effect.fnUntraced(function* ({
  settings,
  timeout = REQUEST_TIMEOUT,
  tls = {}
}: FcmOptions): Effect.fn.Return<Gateway, PushSetupError, Scope.Scope> {
  const clock = yield* Effect.clock
  const endpoint = yield* usableEndpoint(settings.endpoint)
  const account = yield* FcmServiceAccount.read(settings)
  const access = yield* FcmAccessToken.make(account, { tls, timeout })
  const requests = yield* FcmRequests.make({ endpoint, tls, connections: SLOTS, timeout })
  let token = ""
  const messaging = yield* Effect.acquireRelease(
    Effect.sync(() =>
      initializeApp(
        {
          projectId: account.projectId,
          httpAgent: requests.agent,
          // Ends at once, so that firebase-admin keeps none itself and a new one is used as soon as there is one.
          credential: { getAccessToken: async () => ({ access_token: token, expires_in: 1 }) }
        },
        `ens-${randomUUID()}`
      )
    ),
    (app) => Effect.promise(() => deleteApp(app))
  ).pipe(Effect.map(getMessaging))
  const refusals = new TokenRefusals()

  const judge = ({ target }: PushNotification, reply: FcmReply, now: number): Verdict => {
    if (reply._tag === "Delivered") refusals.accepted(target.bundleId, now)
    if (reply._tag !== "TokenRefused") return reply
    return refusals.refused(target.bundleId, now)
      ? Verdict.TokenDead({ since: undefined })
      : Verdict.GatewayDown({
          reason: `refuses most device tokens (${reply.reason}): ENS_FCM_SERVICE_ACCOUNT_FILE must be of the project that the app registers with`
        })
  }

  const attempt = (notification: PushNotification, accessToken: string) => {
    const message = messageOf(notification, clock.unsafeCurrentTimeMillis())
    const call = () => {
      token = accessToken
      return messaging.send(message)
    }
    return Effect.match(requests.run(call), {
      onSuccess: (name) => judge(notification, readName(name), clock.unsafeCurrentTimeMillis()),
      onFailure: (failure) => {
        const response = responseOf(failure)
        if (response?.status === 401) access.refused(accessToken)
        const now = clock.unsafeCurrentTimeMillis()
        return judge(notification, response ? readReply(response, now) : unanswered(failure), now)
      }
    })
  }

  const sendOne = (notification: PushNotification) =>
    access.current.pipe(
      Effect.flatMap((accessToken) => attempt(notification, accessToken)),
      Effect.map((verdict) =>
        verdict._tag === "GatewayDown"
          ? Verdict.GatewayDown({ reason: `FCM at ${endpoint?.host ?? HOST} ${verdict.reason}` })
          : verdict
      ),
      Effect.catchAll((reason) =>
        Effect.succeed(Verdict.GatewayDown({ reason: `FCM's log-in at ${account.tokenUrl.host} ${reason}` }))
      )
    )

  return { name: "fcm", batchSize: 1, slots: SLOTS, send: (batch) => Effect.forEach(batch, sendOne) }
})

/** Requests under way at once, each on its own connection: enough for 500 a second at a tenth of a second each. */
const SLOTS = 50
const REQUEST_TIMEOUT = 8_000

/** firebase-admin's own. */
const HOST = "fcm.googleapis.com"

const usableEndpoint = (text: string | undefined): Effect.Effect<URL | undefined, PushSetupError> => {
  if (text === undefined) return Effect.succeed(undefined)
  const url = URL.parse(text)
  return url?.protocol === "https:" && url.pathname === "/"
    ? Effect.succeed(url)
    : Effect.fail(
        new PushSetupError({
          gateway: "fcm",
          problem: "ENS_FCM_ENDPOINT must be an https URL without a path, like https://fcm.example.com"
        })
      )
}

/** FCM names what it accepted. */
const readName = (name: unknown): FcmReply =>
  typeof name === "string" && name !== ""
    ? Verdict.Delivered()
    : readReply({ status: 200, retryAfter: undefined, body: undefined }, 0)

/** FCM's answer as firebase-admin hands it on in its error. */
const responseOf = (failure: FcmRequests.FcmFailure): FcmResponse | undefined => {
  const error = failure._tag === "Thrown" ? failure.error : undefined
  if (!(error instanceof FirebaseMessagingError) || error.httpResponse === undefined) return undefined
  const { data, headers, status } = error.httpResponse
  return { status, body: data, retryAfter: headers["retry-after"] }
}

const unanswered = (failure: FcmRequests.FcmFailure): Verdict => {
  if (failure._tag === "Broken")
    return Verdict.GatewayDown({ reason: reasonOf(failure.code, "ENS_FCM_ENDPOINT") })
  // What firebase-admin refuses before it asks FCM.
  return failure.error instanceof FirebaseMessagingError
    ? Verdict.Rejected({ reason: failure.error.code })
    : Verdict.GatewayDown({ reason: reasonOf(codeOf(failure.error), "ENS_FCM_ENDPOINT") })
}
