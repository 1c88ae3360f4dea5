import { Data } from "effect"
import type { UserNumber } from "./Ids.ts"

export type Platform = "iOS" | "Android"
export type PushEnvironment = "production" | "sandbox"

/** ENS2's PolicyLimitNotificationText: 0 sender, subject, preview · 1 sender, subject · 2 sender · 3 "New message" · 4 badge only. */
export type Policy = 0 | 1 | 2 | 3 | 4

/** Where a push service that has a place of its own for each device (SNS: an endpoint) keeps one. */
export interface PushEndpoint {
  readonly arn: string
  /** `registeredAt` of the registration for which the endpoint was last seen to take notifications. */
  readonly registeredAt: number
}

/** Where a notification goes. */
export interface PushTarget {
  readonly token: string
  readonly platform: Platform
  readonly bundleId: string
  readonly environment: PushEnvironment
  /** Milliseconds since 1970; a "token dead since" older than this is ignored. */
  readonly registeredAt: number
  /** Whose device it is, for gateways that store something with it; absent if it is not stored. */
  readonly user?: UserNumber
  /** As it was stored for this token. */
  readonly endpoint?: PushEndpoint
}

export type PushKind = "newMail" | "summary" | "badge" | "resubscribe"

/** One notification for one device, composed and cut to size. */
export interface PushNotification {
  /** Stable per (device, item): the same in a repeat. At most 64 bytes; APNs collapse id and FCM tag. */
  readonly id: string
  readonly target: PushTarget
  readonly kind: PushKind
  readonly priority: "high" | "normal"
  /** iOS: the APNs payload. Android: the flat string map of an FCM data message. */
  readonly payload: Readonly<Record<string, unknown>>
  /** Milliseconds since 1970 after which it is of no use. */
  readonly expiresAt: number
}

/** What a gateway said of one notification. `Delivered`, `TokenDead` and `Rejected` are final. */
export type Verdict = Data.TaggedEnum<{
  Delivered: {}
  /** The token will never work again. `since`: milliseconds since 1970 when the gateway knows. */
  TokenDead: { readonly since: number | undefined }
  /**
   * Try again after so many milliseconds (0 = the gateway named no time). `everyone`: the gateway asks this of all its
   * notifications, not only of this one.
   */
  RetryLater: { readonly after: number; readonly everyone?: boolean }
  /** The gateway will never take this notification. */
  Rejected: { readonly reason: string }
  /** Nothing can be sent now: network, certificate, configuration. */
  GatewayDown: { readonly reason: string }
}>
export const Verdict = Data.taggedEnum<Verdict>()

export const isFinal = (verdict: Verdict): boolean =>
  verdict._tag === "Delivered" || verdict._tag === "TokenDead" || verdict._tag === "Rejected"
