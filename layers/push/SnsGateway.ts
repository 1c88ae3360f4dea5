import type { SecureContextOptions } from "node:tls"
import type { SNSClientConfig } from "@aws-sdk/client-sns"
import { Effect, type Scope } from "effect"
import { type PushEndpoint, type PushNotification, type PushTarget, Verdict } from "../../schemas/Push.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { isLoopback } from "../net/Loopback.ts"
import { Storage } from "../storage/Storage.ts"
import type { Gateway } from "./Gateway.ts"
import { TIMEOUT } from "./NetworkTrouble.ts"
import { PushSetupError } from "./PushSetupError.ts"
import * as SnsClient from "./SnsClient.ts"
import { SnsEndpoints } from "./SnsEndpoints.ts"
import { isDisabled, isGone, type SnsFailure } from "./SnsFailure.ts"
import { messageOf } from "./SnsMessage.ts"
import * as SnsPlatforms from "./SnsPlatforms.ts"
import { readFailure } from "./SnsReply.ts"
import { TokenRefusals } from "./TokenRefusals.ts"

export interface SnsOptions {
  readonly settings: Pick<SettingsShape, "push" | "sns">
  /** Instead of those that the AWS SDK finds (environment, files, role of the machine). */
  readonly credentials?: SNSClientConfig["credentials"]
  /** Authorities to trust instead of the known ones, and the like; given to TLS as they are. */
  readonly tls?: SecureContextOptions
  /** Milliseconds that a notification may take, connecting and making its endpoint included. */
  readonly timeout?: number
}

/**
 * Gateway `sns`: mobile push of AWS. Every device has an endpoint there, which is made when the first notification goes to
 * it, and stored with the device. SNS disables an endpoint when Apple or Google refuses its token, and keeps it disabled
 * when it is made anew; so one that is found disabled is enabled once for each registration of the device, and after that
 * its token is dead. See `SnsReply` for what each failure means. A notification is one request, and many are under way.
 *
 * A device of an app without a platform application is `Rejected`: devices name their apps, and one may not hold up all.
 * For the same reason trouble of one of several platform applications (an expired certificate of Apple's) is no
 * `GatewayDown`, which would stop the others as well: the notifications wait, and the log says why.
 */
export const make = Effect.fnUntraced(function* ({
  credentials,
  settings,
  timeout = NOTIFICATION_TIMEOUT,
  tls = {}
}: SnsOptions): Effect.fn.Return<Gateway, PushSetupError, Storage | Scope.Scope> {
  const storage = yield* Storage
  const platforms = yield* SnsPlatforms.read(settings)
  const endpoint = yield* usableEndpoint(settings.sns.endpoint)
  const sns = endpoint ? `SNS at ${endpoint.host}` : `SNS in ${platforms.region}`
  const setting = endpoint ? "ENS_SNS_ENDPOINT" : "ENS_SNS_REGION"
  const client = yield* SnsClient.make({
    region: platforms.region,
    endpoint,
    tls,
    connections: SLOTS,
    ...(credentials && { credentials })
  })
  const endpoints = new SnsEndpoints()
  const refusals = new TokenRefusals()
  const troubles = new Map<string, string>()

  /** Answers the endpoint that took the notification. */
  const deliver = (notification: PushNotification, platform: SnsPlatforms.SnsPlatform) =>
    Effect.flatMap(currentTime, (now) => {
      const { target } = notification
      const message = messageOf(notification, platform.kind, now)
      const publish = ({ arn }: PushEndpoint) => client.publish({ ...message, TargetArn: arn })
      const attempt = (endpoint: PushEndpoint) =>
        publish(endpoint).pipe(
          Effect.as(endpoint),
          Effect.catchIf(
            (failure) => isDisabled(failure) && target.registeredAt > endpoint.registeredAt,
            () => {
              const enabled = { arn: endpoint.arn, registeredAt: target.registeredAt }
              return client
                .enableEndpoint(endpoint.arn, target.token)
                .pipe(Effect.zipRight(publish(enabled)), Effect.as(enabled))
            }
          )
        )
      const made = client.createEndpoint(platform.arn, target.token).pipe(
        Effect.map((arn) => ({ arn, registeredAt: NOT_SEEN })),
        // What fails after this need not make it again.
        Effect.tap((endpoint) => Effect.sync(() => endpoints.remember(target, platform, endpoint))),
        Effect.flatMap(attempt)
      )
      const known = endpoints.known(target, platform)
      return known === undefined ? made : Effect.catchIf(attempt(known), isGone, () => made)
    })

  /** Not being able to store it is no trouble of the notification: it is stored at the next one. */
  const keep = (target: PushTarget, platform: SnsPlatforms.SnsPlatform, used: PushEndpoint) =>
    Effect.suspend(() => {
      const known = endpoints.known(target, platform)
      if (
        used.registeredAt !== NOT_SEEN &&
        known?.arn === used.arn &&
        known.registeredAt === used.registeredAt
      )
        return Effect.void
      const registeredAt = Math.max(used.registeredAt, target.registeredAt)
      const kept = { arn: used.arn, registeredAt }
      const stored = target.user ? storage.saveEndpoint(target.user, target.token, kept) : Effect.void
      return stored.pipe(
        Effect.zipRight(Effect.sync(() => endpoints.remember(target, platform, kept))),
        Effect.catchAll((error) =>
          Effect.logWarning("an SNS endpoint could not be stored", { reason: error.message })
        )
      )
    })

  const platformDown = ({ arn }: SnsPlatforms.SnsPlatform, reason: string): Effect.Effect<Verdict> => {
    if (platforms.size === 1) return Effect.succeed(down(reason))
    const isNews = troubles.get(arn) !== reason
    troubles.set(arn, reason)
    const verdict = Verdict.RetryLater({ after: PLATFORM_PAUSE })
    return Effect.as(isNews ? Effect.logWarning(`${sns} ${reason}`) : Effect.void, verdict)
  }

  const down = (reason: string) => Verdict.GatewayDown({ reason: `${sns} ${reason}` })

  const delivered = Effect.fnUntraced(function* (
    target: PushTarget,
    platform: SnsPlatforms.SnsPlatform,
    used: PushEndpoint
  ) {
    yield* keep(target, platform, used)
    refusals.accepted(platform.arn, yield* currentTime)
    if (troubles.delete(platform.arn))
      yield* Effect.logInfo(`${sns} takes notifications for ${platform.arn} again`)
    return Verdict.Delivered()
  })

  const failed = Effect.fnUntraced(function* (
    target: PushTarget,
    platform: SnsPlatforms.SnsPlatform,
    failure: SnsFailure
  ) {
    const now = yield* currentTime
    const reply = readFailure(failure, platform, setting, now)
    if (reply._tag === "GatewayDown") return down(reply.reason)
    if (reply._tag === "PlatformDown") return yield* platformDown(platform, reply.reason)
    if (reply._tag !== "TokenRefused") return reply
    const isBurst = !refusals.refused(platform.arn, now)
    const known = endpoints.known(target, platform)
    if (isBurst && known) {
      // SNS keeps it disabled when the trouble is over: the next notification enables it once more.
      endpoints.remember(target, platform, { ...known, registeredAt: NOT_SEEN })
      return yield* platformDown(
        platform,
        `has disabled most endpoints of ${platform.arn}: wrong environment, app or credentials in the platform application?`
      )
    }
    endpoints.forget(target, platform)
    return Verdict.TokenDead({ since: undefined })
  })

  const sendOne = (notification: PushNotification): Effect.Effect<Verdict> => {
    const { target } = notification
    const platform = platforms.of(target)
    if (typeof platform === "string") return Effect.succeed(Verdict.Rejected({ reason: platform }))
    return deliver(notification, platform).pipe(
      Effect.timeoutFail({ duration: timeout, onTimeout: () => NO_ANSWER }),
      Effect.matchEffect({
        onSuccess: (used) => delivered(target, platform, used),
        onFailure: (failure) => failed(target, platform, failure)
      })
    )
  }

  return { name: "sns", batchSize: 1, slots: SLOTS, send: (batch) => Effect.forEach(batch, sendOne) }
})

/** Requests under way at once, each on its own connection: enough for 500 a second at a tenth of a second each. */
const SLOTS = 50
const NOTIFICATION_TIMEOUT = 8_000

/** Milliseconds after which a notification asks again for a platform application that cannot be used. */
const PLATFORM_PAUSE = 60_000

/** `registeredAt` of an endpoint that has never been seen to take a notification; SNS may have had it before us. */
const NOT_SEEN = -1

const NO_ANSWER: SnsFailure = { _tag: "Broken", code: TIMEOUT }

const currentTime = Effect.clockWith((clock) => clock.currentTimeMillis)

const usableEndpoint = (text: string | undefined): Effect.Effect<URL | undefined, PushSetupError> => {
  if (text === undefined) return Effect.succeed(undefined)
  const url = URL.parse(text)
  return url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url))
    ? Effect.succeed(url)
    : Effect.fail(
        new PushSetupError({
          gateway: "sns",
          problem: "ENS_SNS_ENDPOINT must be an https URL (plain http only on this machine)"
        })
      )
}
