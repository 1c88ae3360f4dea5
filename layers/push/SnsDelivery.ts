import { Effect } from "effect"
import type { PushEndpoint, PushNotification, PushTarget } from "../../schemas/Push.ts"
import { Storage } from "../storage/Storage.ts"
import type { SnsClient } from "./SnsClient.ts"
import { SnsEndpoints } from "./SnsEndpoints.ts"
import { isDisabled, isGone, type SnsFailure } from "./SnsFailure.ts"
import { messageOf } from "./SnsMessage.ts"
import type { SnsPlatform } from "./SnsPlatforms.ts"

/** Notifications on their way to the devices' endpoints at SNS, and what becomes of those. */
export interface SnsDelivery {
  /**
   * Sends the notification to its device's endpoint, which is made, enabled and stored as it needs. A failure with which
   * `isDisabled` agrees is for good: the endpoint has been enabled for this registration of the device before.
   */
  readonly deliver: (notification: PushNotification, platform: SnsPlatform) => Effect.Effect<void, SnsFailure>
  /** The endpoint may be enabled for this registration once more. */
  readonly forgive: (target: PushTarget, platform: SnsPlatform) => void
  /** The device is of no use any more. */
  readonly forget: (target: PushTarget, platform: SnsPlatform) => void
}

/**
 * SNS disables an endpoint when Apple or Google refuses its token, which is learned at the next notification. It hands out
 * a disabled endpoint when it is to make one for the same token; therefore one that nothing was seen of yet is enabled if
 * need be, and after that only for a registration that is newer than the last success. What is not known is asked for
 * again, and SNS answers the same; so nothing is lost with a crash, or when storage is away.
 */
export const make = (client: SnsClient): Effect.Effect<SnsDelivery, never, Storage> =>
  Effect.map(Storage, (storage) => {
    const endpoints = new SnsEndpoints()

    /** Sends, and answers the endpoint; enables it before, if it is disabled and may be. */
    const attempt = (target: PushTarget, endpoint: PushEndpoint, publish: Publish) =>
      publish(endpoint.arn).pipe(
        Effect.as(endpoint),
        Effect.catchIf(
          (failure) => isDisabled(failure) && target.registeredAt > endpoint.registeredAt,
          () =>
            client
              .enableEndpoint(endpoint.arn, target.token)
              .pipe(
                Effect.zipRight(publish(endpoint.arn)),
                Effect.as({ arn: endpoint.arn, registeredAt: target.registeredAt })
              )
        )
      )

    const make = (target: PushTarget, platform: SnsPlatform) =>
      client.createEndpoint(platform.arn, target.token).pipe(
        Effect.map((arn) => ({ arn, registeredAt: NOT_SEEN })),
        // What fails after this need not make it again.
        Effect.tap((endpoint) => Effect.sync(() => endpoints.remember(target, platform, endpoint)))
      )

    const keep = (target: PushTarget, platform: SnsPlatform, { arn, registeredAt }: PushEndpoint) => {
      const endpoint = { arn, registeredAt: Math.max(registeredAt, target.registeredAt) }
      const stored = target.user ? storage.saveEndpoint(target.user, target.token, endpoint) : Effect.void
      return stored.pipe(
        Effect.zipRight(Effect.sync(() => endpoints.remember(target, platform, endpoint))),
        // No trouble of the notification.
        Effect.catchAll((error) =>
          Effect.logWarning("an SNS endpoint could not be stored", { reason: error.message })
        )
      )
    }

    const deliver: SnsDelivery["deliver"] = (notification, platform) =>
      Effect.clockWith((clock) => {
        const { target } = notification
        const message = messageOf(notification, platform.kind, clock.unsafeCurrentTimeMillis())
        const publish: Publish = (arn) => client.publish({ ...message, TargetArn: arn })
        const known = endpoints.known(target, platform)
        const anew = Effect.flatMap(make(target, platform), (made) => attempt(target, made, publish))
        const used = known ? Effect.catchIf(attempt(target, known, publish), isGone, () => anew) : anew
        return Effect.flatMap(used, (endpoint) =>
          endpoint === known && known.registeredAt !== NOT_SEEN
            ? Effect.void
            : keep(target, platform, endpoint)
        )
      })

    return {
      deliver,
      forgive: (target, platform) => {
        const known = endpoints.known(target, platform)
        if (known) endpoints.remember(target, platform, { ...known, registeredAt: NOT_SEEN })
      },
      forget: (target, platform) => endpoints.forget(target, platform)
    }
  })

type Publish = (arn: string) => Effect.Effect<void, SnsFailure>

/** `registeredAt` of an endpoint that was not seen to take a notification yet; SNS may have had it before us. */
const NOT_SEEN = -1
