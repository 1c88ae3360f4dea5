import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import type { Schema } from "effect"
import {
  Envelope,
  GetPublicKeyAnswer,
  GetPublicKeyRequest,
  GetSubscriptionStatusAnswer,
  GetSubscriptionStatusRequest,
  RegisterDeviceAnswer,
  RegisterDeviceRequest,
  UnregisterRequest,
  UpdateDeviceTokenRequest
} from "../../schemas/DeviceApi.ts"
import { ResponseCode, type ResponseName } from "../../schemas/ResponseCode.ts"
import { version } from "../Instance.ts"

/**
 * The device API as OpenAPI tells it (`/openapi.json`, `/docs`). A description only: `DeviceRoutes.ts` serves it, from the
 * same schemas, because the wire has rules that OpenAPI cannot state (see there).
 */
export const deviceApi = (servers: ReadonlyArray<string>) =>
  HttpApi.make("ens")
    .add(devices)
    .annotate(OpenApi.Title, "Email Notification Service: device API")
    .annotate(OpenApi.Version, version)
    .annotate(
      OpenApi.Description,
      [
        "Every answer, good or bad, has the same envelope; `responseCode` says what happened.",
        "Keys are matched ignoring case and unknown keys are ignored; the base path is matched ignoring case.",
        "429: too much was asked about one user, with one token or from one address; nothing was done, and after",
        "`retryAfterSeconds` (header `Retry-After`) it goes through."
      ].join(" ")
    )
    .annotate(
      OpenApi.Servers,
      servers.map((url) => ({ url }))
    )
    .annotate(OpenApi.Transform, asServed)

class ApiToken extends HttpApiMiddleware.Tag<ApiToken>()("ens/ApiToken", {
  security: { token: HttpApiSecurity.apiKey({ key: "ENSAPIToken", in: "header" }) }
}) {}

/** The envelope with a status of its own, and the codes that come with it. */
const answer = (status: number, ...names: ReadonlyArray<ResponseName>) =>
  Envelope.annotations({
    ...HttpApiSchema.annotations({ status }),
    description: `Codes: ${names.map(labelled).join(", ")}`
  })

const labelled = (name: ResponseName) => `${ResponseCode[name].code} ${name}`

const endpoint = <P extends Schema.Schema.Any, S extends Schema.Schema.Any>(
  name: string,
  about: string,
  payload: P & HttpApiEndpoint.HttpApiEndpoint.ValidatePayload<"POST", P>,
  success: S,
  successes: ReadonlyArray<ResponseName>,
  notFound: ReadonlyArray<ResponseName> = []
) => {
  const described = HttpApiEndpoint.post(name, `/${name}`)
    .setPayload(payload)
    .addSuccess(success.annotations({ description: `Codes: ${successes.map(labelled).join(", ")}` }))
    .addError(answer(401, "UnauthorizedRequest"))
    .addError(answer(413, "Failed"))
    .addError(answer(429, "UpdateFail"))
    .addError(answer(503, "UpdateFail"))
    .middleware(ApiToken)
    .annotate(OpenApi.Description, about)
  return notFound.length === 0 ? described : described.addError(answer(404, ...notFound))
}

const devices = HttpApiGroup.make("devices", { topLevel: true })
  .add(
    endpoint(
      "getpublickey",
      "The user's public key, to which the credentials of a registration are encrypted; the same until rotated.",
      GetPublicKeyRequest,
      GetPublicKeyAnswer,
      ["UpdateSuccess"]
    )
      .addError(answer(400, "Failed"))
      .addError(answer(500, "ErrorSubscribeOrUpdateDb", "UpdateFail"))
  )
  .add(
    endpoint(
      "registerdevicev2",
      "Registers a device and subscribes to its user's Inbox. Answered within 30 seconds.",
      RegisterDeviceRequest,
      RegisterDeviceAnswer,
      ["UserSubscribed", "UserAlreadySubscribed", "Success"]
    )
      .addError(answer(400, "Failed", "InvalidDecryptedPayload", "InvalidAuthType"))
      .addError(answer(409, "SubscribeAgain", "FailedToGetEwsUrlFromAutoDiscovery", "EWSUrlMismatch"))
      .addError(answer(500, "ErrorSubscribeOrUpdateDb", "UserSubscribedNotUpdatedInDb", "UpdateFail"))
  )
  .add(
    endpoint(
      "getsubscriptionstatus",
      "Whether the user's subscription is alive and the device is known to it.",
      GetSubscriptionStatusRequest,
      GetSubscriptionStatusAnswer,
      ["UserAlreadySubscribed", "UserRecordPresentNotSubscribed", "SubscribedNeedsUpdate"],
      ["UserSubscriptionNotFound"]
    )
      .addError(answer(400, "Failed"))
      .addError(answer(500, "ErrorSubscribeOrUpdateDb", "UpdateFail"))
  )
  .add(
    endpoint(
      "updatedevicetoken",
      "The push service gave the app another token.",
      UpdateDeviceTokenRequest,
      Envelope,
      ["UpdateSuccess"],
      ["TokenDoesNotExist", "NoRecordExists"]
    )
      .addError(answer(400, "Failed"))
      .addError(answer(500, "ErrorSubscribeOrUpdateDb", "UpdateFail"))
  )
  .add(
    endpoint(
      "unregister",
      "The device wants no more notifications. With a user's last device everything about the user is deleted.",
      UnregisterRequest,
      Envelope,
      ["DeviceUnregistered", "DeviceUnregisteredUserUnsubscribed"],
      ["DeviceNotRegistered", "UserSubscriptionNotFound"]
    )
      .addError(answer(400, "Failed"))
      .addError(answer(500, "ErrorSubscribeOrUpdateDb", "UpdateFail"))
  )

/**
 * Brings what is generated in line with what is served: a request that does not match its schema gets our envelope, not
 * the platform's own error, and unknown keys are ignored.
 */
const asServed = (spec: Record<string, unknown>): Record<string, unknown> =>
  JSON.parse(
    JSON.stringify(spec, (key, value: unknown) => {
      if (key === "additionalProperties") return undefined
      if (key === "schemas") return without(value, PLATFORM_ERROR)
      const choices = isRecord(value) && Array.isArray(value["anyOf"]) ? value["anyOf"] : []
      return choices.some(isPlatformError) ? choices.find((choice) => !isPlatformError(choice)) : value
    })
  )

const PLATFORM_ERROR = ["HttpApiDecodeError", "Issue", "PropertyKey"]

const isPlatformError = (schema: unknown) =>
  isRecord(schema) && schema["$ref"] === "#/components/schemas/HttpApiDecodeError"

const without = (value: unknown, keys: ReadonlyArray<string>) =>
  isRecord(value) ? Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key))) : value

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null
