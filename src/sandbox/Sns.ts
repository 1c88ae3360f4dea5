import { Effect, Option, Schema, type Scope } from "effect"
import { type Commands, command, type Views } from "./Control.ts"
import { notFound } from "./ControlListener.ts"
import { type HttpAct, statusOf } from "./HttpAct.ts"
import { type CannotListen, type ListenerOptions, listen } from "./Listener.ts"
import { listenForControl, outagesOf, type PushStandIn } from "./PushControl.ts"
import { attend, openDesk, type PushClerk, type PushTrouble } from "./PushDesk.ts"
import { type PushFaultAnswer, waiting } from "./PushFaults.ts"
import type { SnsPublished } from "./SnsActions.ts"
import { type SnsEndpoint, SnsEndpoints } from "./SnsEndpoints.ts"
import { type SnsRequest, serveSns } from "./SnsServer.ts"
import { snsError } from "./SnsXml.ts"

export interface SnsOptions extends ListenerOptions {
  /** Default: a free one. */
  readonly controlPort?: number
}

/** A running SNS stand-in. */
export interface SnsStandIn extends PushStandIn {
  /** Those there are, oldest first. */
  readonly endpoints: () => ReadonlyArray<SnsEndpoint>
  /** As if somebody had made one, or changed it in the console; answers its ARN. */
  readonly putEndpoint: (endpoint: PutEndpoint) => Effect.Effect<string>
}

const PutEndpoint = Schema.Struct({
  platformArn: Schema.String.pipe(
    Schema.pattern(/^arn:aws:sns:[^:]+:\d{12}:app\/(?:APNS|APNS_SANDBOX|GCM)\/./)
  ),
  deviceToken: Schema.NonEmptyString,
  enabled: Schema.optionalWith(Schema.Boolean, { default: () => true }),
  /** ENS sets none: one that has some is in its way ("already exists"). Only for one that is not there yet. */
  userData: Schema.optionalWith(Schema.String, { default: () => "" })
})
export type PutEndpoint = typeof PutEndpoint.Type

/** Platform applications that it can be used with; any other ARN of their form will do as well. */
export const SANDBOX_ARNS = {
  ios: "arn:aws:sns:eu-central-1:123456789012:app/APNS/sandbox",
  android: "arn:aws:sns:eu-central-1:123456789012:app/GCM/sandbox"
} as const

/**
 * Starts an SNS stand-in on the real clock: its mobile push, with the life of endpoints. As the real one it takes a
 * notification before it asks Apple or Google, so what they think of a token (the faults `dead` and `badToken`) shows at
 * the next one, because the endpoint is disabled by then.
 */
export const makeSns = (options: SnsOptions = {}): Effect.Effect<SnsStandIn, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const { clerk, desk } = yield* openDesk
    const endpoints = new SnsEndpoints()
    const handler = serveSns(
      { endpoints, serve: (request, honest) => serve(clerk, endpoints, request, honest) },
      notFound
    )
    const main = yield* listen(options, handler)
    const control = yield* listenForControl(options.controlPort ?? 0, () => standIn, COMMANDS, VIEWS)
    const standIn: SnsStandIn = {
      ...desk,
      ...(yield* outagesOf(main, clerk.timers)),
      url: `${main.url}/`,
      controlUrl: `${control.url}/sandbox`,
      endpoints: () => [...endpoints.all.values()],
      putEndpoint: ({ deviceToken, enabled, platformArn, userData }) =>
        Effect.sync(() => {
          const endpoint =
            endpoints.find(platformArn, deviceToken) ?? endpoints.add(platformArn, deviceToken, userData)
          endpoint.enabled = enabled
          return endpoint.arn
        })
    }
    return standIn
  })

const COMMANDS: Commands<SnsStandIn> = {
  endpoints: command(PutEndpoint, (sns, endpoint) =>
    Effect.map(sns.putEndpoint(endpoint), (arn) => ({ arn }))
  )
}

const VIEWS: Views<SnsStandIn> = { endpoints: (sns) => ({ endpoints: sns.endpoints() }) }

const serve = (
  clerk: PushClerk,
  endpoints: SnsEndpoints,
  { action, form }: SnsRequest,
  honest: (published: (notification: SnsPublished) => boolean) => HttpAct
): Promise<HttpAct> => {
  const target = endpoints.all.get(form.get("TargetArn") ?? form.get("EndpointArn") ?? "")
  const deviceToken = target?.token ?? form.get("Token") ?? ""
  return attend(clerk, {
    deviceToken,
    action,
    kinds: action === "Publish" ? OF_NOTIFICATIONS : OF_ALL,
    honest: () =>
      honest((published) => {
        const isGood = clerk.trouble(deviceToken, OF_TOKENS) === undefined
        if (isGood) clerk.take(forPhone(published))
        return isGood
      }),
    inWords,
    describe: (act) => ({ status: statusOf(act), reason: codeIn(act) })
  })
}

type Kinds = ReadonlySet<PushTrouble["kind"]>

/** What Apple or Google says of a token. */
const OF_TOKENS: Kinds = new Set(["dead", "badToken"])
/** What SNS says to any request. */
const OF_ALL: Kinds = new Set(["throttled", "unauthorized", "status", "malformed", "cut"])
/** What SNS says to a notification. */
const OF_NOTIFICATIONS: Kinds = new Set([...OF_ALL, "reject"])

/** How SNS says it (docs.aws.amazon.com, "Publish" and "Common errors" of the SNS API). */
const inWords = (fault: PushFaultAnswer): HttpAct => {
  switch (fault.kind) {
    case "dead":
    case "badToken":
      return snsError(400, "EndpointDisabled", "Endpoint is disabled")
    case "reject":
      return snsError(400, "InvalidParameter", "Invalid parameter: by script")
    case "throttled":
      return snsError(400, "Throttling", "Rate exceeded", waiting(fault.retryAfter))
    case "unauthorized":
      return snsError(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    case "status": {
      const headers = waiting(fault.retryAfter)
      return fault.reason === undefined
        ? { status: fault.status, headers, body: "" }
        : snsError(fault.status, fault.reason, "by script", headers)
    }
    case "malformed":
      return { body: "<html>not SNS" }
  }
}

const codeIn = (act: HttpAct): string =>
  typeof act === "string" ? act : (/<Code>(\w+)</.exec(String(act.body))?.[1] ?? "")

/** What is in SNS's wrapping: for Android it is a message of FCM's. */
const forPhone = ({ attributes, kind, message, token }: SnsPublished) => {
  if (kind !== "GCM")
    return { deviceToken: token, deviceType: "iOS" as const, payload: message, options: attributes }
  const inside = Option.getOrUndefined(fcmMessage(message))?.fcmV1Message.message
  return {
    deviceToken: token,
    deviceType: "Android" as const,
    payload: inside?.data ?? message,
    options: { ...attributes, ...inside?.android }
  }
}

const fcmMessage = Schema.decodeUnknownOption(
  Schema.Struct({
    fcmV1Message: Schema.Struct({
      message: Schema.Struct({
        data: Schema.Record({ key: Schema.String, value: Schema.String }),
        android: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
      })
    })
  })
)
