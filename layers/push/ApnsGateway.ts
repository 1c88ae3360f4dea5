import type { SecureContextOptions } from "node:tls"
import { Effect, type Scope } from "effect"
import { type PushEnvironment, type PushNotification, type PushTarget, Verdict } from "../../schemas/Push.ts"
import type { ApnsSettings } from "../../schemas/Settings.ts"
import * as ApnsConnection from "./ApnsConnection.ts"
import { apnsHeaders } from "./ApnsHeaders.ts"
import * as ApnsKeys from "./ApnsKeys.ts"
import { type ApnsReply, readReply } from "./ApnsReply.ts"
import { ApnsToken } from "./ApnsToken.ts"
import { AppTroubles } from "./AppTroubles.ts"
import type { Gateway, Probed } from "./Gateway.ts"
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
 * `TokenRefusals` for what is done when tokens are refused in masses. Trouble that may be an app's or an environment's
 * alone (its key, its tokens, the way to the sandbox) does not hold up others, see `AppTroubles`.
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
    const production = yield* sender(settings.host ?? PRODUCTION)
    const sandbox = settings.host === undefined ? yield* sender(SANDBOX) : production
    senders.set(key, { production, sandbox })
  }
  const refusals = new TokenRefusals()

  const troubles = new AppTroubles()

  const judge = ({ target }: PushNotification, reply: ApnsReply, host: string): Effect.Effect<Verdict> => {
    const app = `${target.environment} ${target.bundleId}`
    const now = clock.unsafeCurrentTimeMillis()
    const down = (reason: string) => Verdict.GatewayDown({ reason: `APNs at ${host} ${reason}` })
    switch (reply._tag) {
      case "Delivered":
        refusals.accepted(app, now)
        troubles.accepted(app, now)
        return Effect.succeed(reply)
      case "TokenRefused": {
        if (refusals.refused(app, now)) return Effect.succeed(Verdict.TokenDead({ since: undefined }))
        const reason = `refuses most device tokens (${reply.reason}): wrong environment or bundle id of the app, or key of another team?`
        return troubles.verdict(app, down(reason), now)
      }
      case "AppDown":
        return troubles.verdict(app, down(reply.reason), now)
      case "GatewayDown":
        return host === SANDBOX
          ? troubles.verdict(app, down(reply.reason), now)
          : Effect.succeed(down(reply.reason))
      default:
        return Effect.succeed(reply)
    }
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
      const path = `/3/device/${encodeURIComponent(target.token)}`
      return Effect.matchEffect(connection.post(path, headers, JSON.stringify(payload)), {
        onSuccess: (response) => {
          if (response.status === 403) token.refuse()
          return judge(notification, readReply(response, target, clock.unsafeCurrentTimeMillis()), host)
        },
        onFailure: (code) =>
          judge(notification, Verdict.GatewayDown({ reason: reasonOf(code, "ENS_APNS_HOST") }), host)
      })
    })

  /** Each key is shown to APNs with a device token that Apple gives to no device. */
  const probe: Effect.Effect<Probed> = Effect.gen(function* () {
    const answers = new Set<string>()
    for (const [key, { production }] of senders) {
      const [app] = [...keys.apps].find(([, one]) => one === key) ?? []
      const now = clock.unsafeCurrentTimeMillis()
      const headers = {
        "apns-push-type": "background",
        "apns-priority": "5",
        "apns-expiration": String(Math.floor(now / 1000) + 60),
        "apns-topic": app ?? "com.example.mail",
        authorization: `bearer ${production.token.current(now)}`
      }
      const body = JSON.stringify({ aps: { "content-available": 1 } })
      const answer = yield* Effect.either(
        production.connection.post(`/3/device/${"0".repeat(64)}`, headers, body)
      )
      const at = `APNs at ${production.host}`
      if (answer._tag === "Left") return down(`${at} ${reasonOf(answer.left, "ENS_APNS_HOST")}`)
      const reply = readReply(answer.right, NO_DEVICE, now)
      if (reply._tag === "GatewayDown") return down(`${at} ${reply.reason}`)
      if (reply._tag === "RetryLater") return down(`${at} asks to wait (HTTP ${answer.right.status})`)
      // Without the name of an app nothing can be said of its rights.
      if (reply._tag === "AppDown" && (answer.right.status === 403 || app !== undefined)) {
        return { outcome: "refused", says: `${at} ${reply.reason}` } satisfies Probed
      }
      answers.add("reason" in reply ? (reply.reason ?? reply._tag) : reply._tag)
    }
    const keysSay = senders.size === 1 ? "the key" : `all ${senders.size} keys`
    return {
      outcome: "works",
      says: `APNs accepts ${keysSay} (a made-up device token gets ${[...answers].join(", ")})`
    } satisfies Probed
  })

  return { name: "apns", batchSize: 1, slots: SLOTS, send: (batch) => Effect.forEach(batch, sendOne), probe }
})

/**
 * Requests under way at once: enough for 4,000 a second at a tenth of a second each, which is what waits after an outage. They
 * share a connection; what APNs does not allow at the moment waits there.
 */
const SLOTS = 400
const TIMEOUT = 8_000

const PRODUCTION = "api.push.apple.com"

const down = (says: string): Probed => ({ outcome: "down", says })

const NO_DEVICE: PushTarget = {
  token: "0".repeat(64),
  platform: "iOS",
  bundleId: "com.example.mail",
  environment: "production",
  registeredAt: 0
}
const SANDBOX = "api.sandbox.push.apple.com"

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

/** Apple's tokens have some 64 to 200 characters; a header of more than 8,000 ends the connection for everybody. */
const WORD = /^[\x21-\x7e]{1,1024}$/
