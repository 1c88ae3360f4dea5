import type { SecureContextOptions } from "node:tls"
import { Effect, type Scope } from "effect"
import { type PushEnvironment, type PushNotification, type PushTarget, Verdict } from "../../schemas/Push.ts"
import type { ApnsSettings } from "../../schemas/Settings.ts"
import * as ApnsConnection from "./ApnsConnection.ts"
import { apnsHeaders } from "./ApnsHeaders.ts"
import * as ApnsKeys from "./ApnsKeys.ts"
import { type ApnsResponse, readReply } from "./ApnsReply.ts"
import { ApnsToken } from "./ApnsToken.ts"
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
  const clock = yield* Effect.clock
  const keys = yield* ApnsKeys.read(settings)
  const senders = new Map<ApnsKeys.ApnsKey, { readonly [E in PushEnvironment]: Sender }>()
  for (const key of new Set([...keys.apps.values(), ...(keys.otherwise ? [keys.otherwise] : [])])) {
    const token = new ApnsToken(key)
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

  const sendOne = (notification: PushNotification): Effect.Effect<Verdict> =>
    Effect.suspend(() => {
      const { payload, target } = notification
      const key = keys.apps.get(target.bundleId) ?? keys.otherwise
      const sender = key && senders.get(key)?.[target.environment]
      const fault = faultOf(target) ?? (sender ? undefined : "ENS_APNS_KEY_FILE names no key for this app")
      if (!sender || fault !== undefined) return Effect.succeed(Verdict.Rejected({ reason: fault ?? "" }))
      const { connection, host, token } = sender
      const headers = {
        ...apnsHeaders(notification),
        "apns-topic": target.bundleId,
        authorization: `bearer ${token.current(clock.unsafeCurrentTimeMillis())}`
      }
      const down = (reason: string) => Verdict.GatewayDown({ reason: `APNs at ${host} ${reason}` })
      const path = `/3/device/${encodeURIComponent(target.token)}`
      return Effect.match(connection.post(path, headers, JSON.stringify(payload)), {
        onSuccess: (response) => {
          if (response.status === 403) token.refuse()
          const verdict = judge(notification, response, clock.unsafeCurrentTimeMillis())
          return verdict._tag === "GatewayDown" ? down(verdict.reason) : verdict
        },
        onFailure: (code) => down(reasonOf(code, "ENS_APNS_HOST"))
      })
    })

  return { name: "apns", batchSize: 1, slots: SLOTS, send: (batch) => Effect.forEach(batch, sendOne) }
})

/** Requests under way at once: enough for 1,000 a second at a tenth of a second each. */
const SLOTS = 100
const TIMEOUT = 8_000

interface Sender {
  readonly host: string
  readonly token: ApnsToken
  readonly connection: ApnsConnection.ApnsConnection
}

/** What makes a target none of APNs'. Devices say both names, and what fits no header would look like trouble of the connection. */
const faultOf = ({ bundleId, platform, token }: PushTarget): string | undefined => {
  if (platform !== "iOS") return "APNs serves iOS only"
  if (!WORD.test(bundleId)) return "no bundle id"
  return WORD.test(token) ? undefined : "no device token"
}

const WORD = /^[\x21-\x7e]+$/
