import type { SecureContextOptions } from "node:tls"
import { Effect, type Scope } from "effect"
import { type PushEnvironment, type PushNotification, Verdict } from "../../schemas/Push.ts"
import type { ApnsSettings } from "../../schemas/Settings.ts"
import * as ApnsConnection from "./ApnsConnection.ts"
import { apnsHeaders } from "./ApnsHeaders.ts"
import * as ApnsKeys from "./ApnsKeys.ts"
import { type ApnsResponse, readReply } from "./ApnsReply.ts"
import * as ApnsToken from "./ApnsToken.ts"
import type { Gateway } from "./Gateway.ts"
import { reasonOf } from "./NetworkTrouble.ts"
import type { PushSetupError } from "./PushSetupError.ts"
import { TokenRefusals } from "./TokenRefusals.ts"

export interface ApnsOptions {
  readonly settings: ApnsSettings
  /** Authorities to trust instead of the known ones, and the like; given to TLS as they are. */
  readonly tls?: SecureContextOptions
  /** Milliseconds that a request may take, connecting included. */
  readonly timeout?: number
}

/**
 * Gateway `apns`: Apple's own service, for iOS devices only. There is one connection for each key and environment; a
 * notification is one request, and many are under way at once. See `ApnsReply` for what each answer means, and
 * `TokenRefusals` for what is done when tokens are refused in masses.
 */
export const make = Effect.fnUntraced(function* ({
  settings,
  timeout = TIMEOUT,
  tls = {}
}: ApnsOptions): Effect.fn.Return<Gateway, PushSetupError, Scope.Scope> {
  const keys = yield* ApnsKeys.read(settings)
  const senders = new Map<ApnsKeys.ApnsKey, { readonly [E in PushEnvironment]: Sender }>()
  for (const key of new Set([...keys.apps.values(), ...(keys.otherwise ? [keys.otherwise] : [])])) {
    const token = ApnsToken.make(key)
    const sender = Effect.fnUntraced(function* (host: string) {
      const origin = `https://${host.includes(":") ? `[${host}]` : host}:${settings.port}`
      return { host, token, connection: yield* ApnsConnection.make({ origin, tls, timeout }) }
    })
    const production = yield* sender(settings.host ?? "api.push.apple.com")
    const sandbox = settings.host === undefined ? yield* sender("api.sandbox.push.apple.com") : production
    senders.set(key, { production, sandbox })
  }
  const refusals = new TokenRefusals()

  const judge = ({ target }: PushNotification, response: ApnsResponse, now: number): Verdict => {
    const app = `${target.environment} ${target.bundleId}`
    const reply = readReply(response, target, now)
    if (reply._tag === "Delivered") refusals.accepted(app, now)
    if (reply._tag !== "TokenRefused") return reply
    return refusals.refused(app, now)
      ? Verdict.TokenDead({ since: undefined })
      : Verdict.GatewayDown({
          reason: `refuses most device tokens (${reply.reason}): wrong environment or bundle id of the app, or key of another team?`
        })
  }

  const sendOne = Effect.fnUntraced(function* (notification: PushNotification) {
    const { target } = notification
    if (target.platform !== "iOS") return Verdict.Rejected({ reason: "APNs serves iOS only" })
    const key = keys.apps.get(target.bundleId) ?? keys.otherwise
    const sender = key && senders.get(key)?.[target.environment]
    if (!sender) return Verdict.Rejected({ reason: "ENS_APNS_KEY_FILE names no key for this app" })
    // Devices say both, and what cannot stand in a header must not look like trouble of the connection.
    if (!WORD.test(target.bundleId)) return Verdict.Rejected({ reason: "no bundle id" })
    if (!WORD.test(target.token)) return Verdict.Rejected({ reason: "no device token" })
    const { connection, host, token } = sender
    const headers = {
      ...apnsHeaders(notification),
      "apns-topic": target.bundleId,
      authorization: `bearer ${yield* token.current}`
    }
    const path = `/3/device/${encodeURIComponent(target.token)}`
    const verdict = yield* connection.post(path, headers, JSON.stringify(notification.payload)).pipe(
      Effect.tap((response) => (response.status === 403 ? token.refused : Effect.void)),
      Effect.zipWith(currentTime, (response, now) => judge(notification, response, now)),
      Effect.catchAll((code) =>
        Effect.succeed(Verdict.GatewayDown({ reason: reasonOf(code, "ENS_APNS_HOST") }))
      )
    )
    if (verdict._tag !== "GatewayDown") return verdict
    return Verdict.GatewayDown({ reason: `APNs at ${host} ${verdict.reason}` })
  })

  return { name: "apns", batchSize: 1, slots: SLOTS, send: (batch) => Effect.forEach(batch, sendOne) }
})

/** Requests under way at once: enough for 1,000 a second at a tenth of a second each. */
const SLOTS = 100
const TIMEOUT = 8_000

const WORD = /^[\x21-\x7e]+$/

interface Sender {
  readonly host: string
  readonly token: ApnsToken.ApnsToken
  readonly connection: ApnsConnection.ApnsConnection
}

const currentTime = Effect.clockWith((clock) => clock.currentTimeMillis)
