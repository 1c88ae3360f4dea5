import type { SecureContextOptions } from "node:tls"
import type { SNSClientConfig } from "@aws-sdk/client-sns"
import { Effect, type Scope } from "effect"
import { type PushNotification, type PushTarget, Verdict } from "../../schemas/Push.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { isLoopback } from "../net/Loopback.ts"
import type { Storage } from "../storage/Storage.ts"
import type { Gateway, Probed } from "./Gateway.ts"
import { PushSetupError } from "./PushSetupError.ts"
import * as SnsClient from "./SnsClient.ts"
import * as SnsDelivery from "./SnsDelivery.ts"
import type { SnsFailure } from "./SnsFailure.ts"
import * as SnsPlatforms from "./SnsPlatforms.ts"
import { readFailure } from "./SnsReply.ts"
import { TokenRefusals } from "./TokenRefusals.ts"

export interface SnsOptions {
  readonly settings: Pick<SettingsShape, "push" | "sns">
  /** Instead of those that the AWS SDK finds (environment, files, role of the machine). */
  readonly credentials?: SNSClientConfig["credentials"]
  /** Authorities to trust instead of the known ones, and the like; given to TLS as they are. */
  readonly tls?: SecureContextOptions
  /** Milliseconds that a request may take, connecting included. */
  readonly timeout?: number
}

/**
 * Gateway `sns`: mobile push of AWS. Every device has an endpoint there (`SnsDelivery`); a notification is one request to
 * it, and many are under way at once. See `SnsReply` for what each failure means, and `TokenRefusals` for what is done when
 * tokens are refused in masses.
 *
 * A device of an app without a platform application is `Rejected`: devices name their apps, and one may not hold up all.
 * For the same reason trouble of one of several platform applications (an expired certificate of Apple's) is no
 * `GatewayDown`, which would stop the others as well: the notifications wait, and the log says why.
 */
export const make = Effect.fnUntraced(function* ({
  credentials,
  settings,
  timeout = REQUEST_TIMEOUT,
  tls = {}
}: SnsOptions): Effect.fn.Return<Gateway, PushSetupError, Storage | Scope.Scope> {
  const platforms = yield* SnsPlatforms.read(settings)
  const endpoint = yield* usableEndpoint(settings.sns.endpoint)
  const sns = endpoint ? `SNS at ${endpoint.host}` : `SNS in ${platforms.region}`
  const setting = endpoint ? "ENS_SNS_ENDPOINT" : "ENS_SNS_REGION"
  const client = yield* SnsClient.make({
    region: platforms.region,
    endpoint,
    tls,
    connections: SLOTS,
    timeout,
    ...(credentials && { credentials })
  })
  const delivery = yield* SnsDelivery.make(client)
  const refusals = new TokenRefusals()
  const troubles = new Map<string, string>()

  const platformDown = ({ arn }: SnsPlatforms.SnsPlatform, reason: string): Effect.Effect<Verdict> => {
    if (platforms.size === 1) return Effect.succeed(down(reason))
    const isNews = troubles.get(arn) !== reason
    troubles.set(arn, reason)
    const verdict = Verdict.RetryLater({ after: PLATFORM_PAUSE })
    return Effect.as(isNews ? Effect.logWarning(`${sns} ${reason}`) : Effect.void, verdict)
  }

  const down = (reason: string) => Verdict.GatewayDown({ reason: `${sns} ${reason}` })

  const delivered = ({ arn }: SnsPlatforms.SnsPlatform) =>
    Effect.clockWith((clock) => {
      refusals.accepted(arn, clock.unsafeCurrentTimeMillis())
      const isNews = troubles.delete(arn)
      const verdict: Verdict = Verdict.Delivered()
      return isNews
        ? Effect.as(Effect.logInfo(`${sns} takes notifications for ${arn} again`), verdict)
        : Effect.succeed(verdict)
    })

  const failed = (target: PushTarget, platform: SnsPlatforms.SnsPlatform, failure: SnsFailure) =>
    Effect.clockWith((clock): Effect.Effect<Verdict> => {
      const now = clock.unsafeCurrentTimeMillis()
      const reply = readFailure(failure, platform, setting, now)
      if (reply._tag === "GatewayDown") return Effect.succeed(down(reply.reason))
      if (reply._tag === "PlatformDown") return platformDown(platform, reply.reason)
      if (reply._tag !== "TokenRefused") return Effect.succeed(reply)
      if (refusals.refused(platform.arn, now)) {
        delivery.forget(target, platform)
        return Effect.succeed(Verdict.TokenDead({ since: undefined }))
      }
      // SNS keeps it disabled when the trouble is over.
      delivery.forgive(target, platform)
      return platformDown(
        platform,
        `refuses most device tokens of ${platform.arn}: wrong environment, app or credentials in the platform application?`
      )
    })

  const sendOne = (notification: PushNotification): Effect.Effect<Verdict> => {
    const { target } = notification
    const platform = platforms.of(target)
    if (typeof platform === "string") return Effect.succeed(Verdict.Rejected({ reason: platform }))
    return Effect.matchEffect(delivery.deliver(notification, platform), {
      onSuccess: () => delivered(platform),
      onFailure: (failure) => failed(target, platform, failure)
    })
  }

  /** Looks at each platform application. An identity may be kept from that, and yet be allowed to send. */
  const probe: Effect.Effect<Probed> = Effect.gen(function* () {
    let looked = 0
    for (const platform of platforms.all) {
      const { arn, setting } = platform
      const asked = yield* Effect.either(client.platform(arn))
      if (asked._tag === "Right") {
        looked += 1
        if (asked.right["Enabled"] === "false") {
          const says = `${sns} has disabled the platform application ${arn}: renew its certificate or key in SNS, and enable it`
          return { outcome: "refused", says } satisfies Probed
        }
        continue
      }
      const failure = asked.left
      if (failure._tag === "Answered" && NOT_ALLOWED.test(failure.code ?? "")) continue
      const reply = readFailure(failure, platform, setting, 0)
      const reason = "reason" in reply ? reply.reason : "cannot say whether its platform applications work"
      const answers = failure._tag !== "Broken" && !(failure._tag === "Answered" && failure.status >= 500)
      return { outcome: answers ? "refused" : "down", says: `${sns} ${reason}` } satisfies Probed
    }
    const says =
      looked === platforms.size
        ? `${sns} knows our credentials, and its platform applications are enabled (${looked})`
        : `${sns} knows our credentials, which may not look at platform applications (sns:GetPlatformApplicationAttributes)`
    return { outcome: "works", says } satisfies Probed
  })

  return { name: "sns", batchSize: 1, slots: SLOTS, send: (batch) => Effect.forEach(batch, sendOne), probe }
})

/** Requests under way at once, each on its own connection: enough for 500 a second at a tenth of a second each. */
const SLOTS = 50
const REQUEST_TIMEOUT = 8_000

const NOT_ALLOWED = /^(?:AuthorizationError|AccessDenied)(?:Exception)?$/

/** Milliseconds after which a notification asks again for a platform application that cannot be used. */
const PLATFORM_PAUSE = 60_000

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
