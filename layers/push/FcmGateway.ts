import { randomUUID } from "node:crypto"
import type { SecureContextOptions } from "node:tls"
import { Effect, type Scope } from "effect"
import { deleteApp, initializeApp } from "firebase-admin/app"
import { FirebaseMessagingError, getMessaging } from "firebase-admin/messaging"
import { type PushNotification, Verdict } from "../../schemas/Push.ts"
import type { FcmSettings } from "../../schemas/Settings.ts"
import { AppTroubles } from "./AppTroubles.ts"
import * as FcmAccessToken from "./FcmAccessToken.ts"
import { messageOf } from "./FcmMessage.ts"
import { type FcmReply, type FcmResponse, readReply } from "./FcmReply.ts"
import * as FcmRequests from "./FcmRequests.ts"
import * as FcmServiceAccount from "./FcmServiceAccount.ts"
import type { Gateway, Probed } from "./Gateway.ts"
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
 * Trouble that may be an app's alone (its tokens, Apple's key for it) does not hold up others, see `AppTroubles`.
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

  const troubles = new AppTroubles()

  const judge = ({ target }: PushNotification, reply: FcmReply): Effect.Effect<Verdict> => {
    const app = `${target.platform} ${target.bundleId}`
    const now = clock.unsafeCurrentTimeMillis()
    const down = (reason: string) =>
      Verdict.GatewayDown({ reason: `FCM at ${endpoint?.host ?? HOST} ${reason}` })
    switch (reply._tag) {
      case "Delivered":
        refusals.accepted(app, now)
        troubles.accepted(app, now)
        return Effect.succeed(reply)
      case "TokenRefused": {
        if (refusals.refused(app, now)) return Effect.succeed(Verdict.TokenDead({ since: undefined }))
        const reason = `refuses most device tokens (${reply.reason}): ENS_FCM_SERVICE_ACCOUNT_FILE must be of the project that the app registers with`
        return troubles.verdict(app, down(reason), now)
      }
      case "AppDown":
        return troubles.verdict(app, down(reply.reason), now)
      case "GatewayDown":
        return Effect.succeed(down(reply.reason))
      default:
        return Effect.succeed(reply)
    }
  }

  const attempt = (notification: PushNotification, accessToken: string) => {
    const message = messageOf(notification, clock.unsafeCurrentTimeMillis())
    const call = () => {
      token = accessToken
      return messaging.send(message)
    }
    return Effect.matchEffect(requests.run(call), {
      onSuccess: (name) => judge(notification, readName(name)),
      onFailure: (failure) => {
        const response = responseOf(failure)
        const reply = response ? readReply(response, clock.unsafeCurrentTimeMillis()) : unanswered(failure)
        // Another 401 is about Apple's key, and the access token is good.
        if (response?.status === 401 && reply._tag !== "AppDown") access.refused(accessToken)
        return judge(notification, reply)
      }
    })
  }

  const sendOne = (notification: PushNotification) =>
    Effect.matchEffect(access.current, {
      onSuccess: (accessToken) => attempt(notification, accessToken),
      onFailure: (reason) =>
        Effect.succeed(Verdict.GatewayDown({ reason: `FCM's log-in at ${account.tokenUrl.host} ${reason}` }))
    })

  /** A message that FCM only looks at (`validate_only`), for a token that it never gave out. */
  const dryRun = (accessToken: string): Effect.Effect<Probed> => {
    const at = `FCM at ${endpoint?.host ?? HOST}`
    const works = (said: string): Probed => ({
      outcome: "works",
      says: `${at} accepts the service account of project ${account.projectId} (dry run: ${said})`
    })
    const call = () => {
      token = accessToken
      return messaging.send({ token: "ens-doctor", data: { action: "none" } }, true)
    }
    return Effect.match(requests.run(call), {
      onSuccess: () => works("accepted"),
      onFailure: (failure): Probed => {
        const response = responseOf(failure)
        const reply = response ? readReply(response, clock.unsafeCurrentTimeMillis()) : unanswered(failure)
        if (response?.status === 401 || (response?.status === 403 && reply._tag === "GatewayDown")) {
          const why = "reason" in reply ? (reply.reason ?? "") : "does not accept this ENS"
          return { outcome: "refused", says: `${at} ${why}` }
        }
        if (reply._tag === "GatewayDown") return { outcome: "down", says: `${at} ${reply.reason}` }
        if (reply._tag === "RetryLater") return { outcome: "down", says: `${at} asks to wait` }
        return works("reason" in reply ? (reply.reason ?? reply._tag) : "the token is none")
      }
    })
  }

  const probe: Effect.Effect<Probed> = Effect.matchEffect(access.current, {
    onSuccess: dryRun,
    onFailure: (reason) =>
      Effect.succeed<Probed>({
        outcome: reason.startsWith("does not accept") ? "refused" : "down",
        says: `FCM's log-in at ${account.tokenUrl.host} ${reason}`
      })
  })

  return { name: "fcm", batchSize: 1, slots: SLOTS, send: (batch) => Effect.forEach(batch, sendOne), probe }
})

/** Requests under way at once, each on its own connection: enough for 1,000 a second at a tenth of a second each. */
const SLOTS = 100
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
