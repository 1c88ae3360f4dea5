import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Either, Exit, Schema, Stream } from "effect"
import * as ConsoleApi from "../../../schemas/ConsoleApi.ts"
import * as DeviceApi from "../../../schemas/DeviceApi.ts"
import { readBody } from "../../../src/http/console/JsonBody.ts"
import { getPublicKey } from "../../../src/http/GetPublicKey.ts"
import { getSubscriptionStatus } from "../../../src/http/GetSubscriptionStatus.ts"
import { readJson } from "../../../src/http/JsonBody.ts"
import { registerDevice } from "../../../src/http/RegisterDevice.ts"
import { unregister } from "../../../src/http/Unregister.ts"
import { updateDeviceToken } from "../../../src/http/UpdateDeviceToken.ts"
import { check, checkWords, own, type Target } from "../Target.ts"

const USER = "0123456789abcdef".repeat(4)
const REGISTRATION = {
  userId: USER,
  deviceToken: "t",
  deviceType: "iOS",
  bundleId: "com.example.mail",
  deviceId: "d-1",
  authType: "Basic",
  payload: "QUJD",
  ewsUrl: "https://mail.example.com/EWS/Exchange.asmx",
  exchangeVersion: 4,
  policyLimitNotificationText: "1",
  sound: "",
  pushEnvironment: "Sandbox",
  forceSubscription: "true"
}

/** Bodies of the device API and of the console, from the bytes on. */
export const target: Target = {
  name: "device-api",
  form: "json",
  words: [
    "{",
    "}",
    "[",
    '"',
    "\\u0000",
    "\\ud800",
    "null",
    "userId",
    "USERID",
    "deviceToken",
    "1e400",
    "-0",
    "\ufeff",
    ":",
    ","
  ],
  seeds: () =>
    own(
      ...[
        { userId: USER },
        REGISTRATION,
        {
          UserId: USER.toUpperCase(),
          DeviceToken: "t",
          authtype: 3,
          payload: "",
          ExchangeVersion: "exchange2016"
        },
        { userId: USER, oldDeviceToken: "a", newDeviceToken: "b" },
        { userId: USER, deviceToken: "t", payload: null },
        { token: "ens_admin_x" },
        { tenant: "default", action: "test" },
        { tenant: "a", label: "b", ewsUrl: "https://mail.example.com/" },
        { level: "debug", until: 1_800_000_000_000 }
      ].map((body) => JSON.stringify(body))
    ),
  run: (input) => {
    // Streams and time limits take many times as long as all that is read of a body.
    if (input.length % 8 === 0) return runWhole(input)
    const json = parsed(input)
    for (const [endpoint, schema] of ENDPOINTS) checkRead(endpoint.read(json), schema)
    return undefined
  }
}

/** What the endpoints get of bytes that are JSON; anything else is a text here. */
const parsed = (input: Buffer): unknown => {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(input))
  } catch {
    return "no JSON"
  }
}

const runWhole = async (input: Buffer): Promise<void> => {
  const body = await Effect.runPromiseExit(readJson(requestOf(input)))
  if (Exit.isFailure(body)) {
    const { cause } = body
    check(cause._tag === "Fail" && TAGS.has(cause.error._tag), "the failure is of its signature")
    if (cause._tag === "Fail") checkWords(cause.error.message, "the message", 120)
  } else for (const [endpoint, schema] of ENDPOINTS) checkRead(endpoint.read(body.value), schema)
  await checkConsole(input, CONSOLE[(input.length >> 3) % CONSOLE.length]!)
}

const checkConsole = async (input: Buffer, schema: Schema.Schema<unknown, unknown>) => {
  const read = await Effect.runPromiseExit(readBody(requestOf(input), schema))
  if (Exit.isSuccess(read))
    check(Schema.is(Schema.typeSchema(schema))(read.value), "what is read fits the schema")
  else
    check(
      read.cause._tag === "Fail" && read.cause.error._tag === "ConsoleProblem",
      "the failure is ConsoleProblem"
    )
}

const TAGS = new Set(["BodyTooLarge", "RequestUnusable"])

/** As Node hands a request on; of it only these are looked at. */
const requestOf = (bytes: Buffer) =>
  ({
    headers: { "content-type": "application/json" },
    stream: Stream.fromIterable(
      bytes.length < 2 ? [bytes] : [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)]
    )
  }) as unknown as HttpServerRequest.HttpServerRequest

interface Reader {
  readonly read: (json: unknown) => Either.Either<unknown, DeviceApi.RequestUnusable>
}
const ENDPOINTS: ReadonlyArray<readonly [Reader, Schema.Schema.AnyNoContext]> = [
  [getPublicKey, DeviceApi.GetPublicKeyRequest],
  [registerDevice, DeviceApi.RegisterDeviceRequest],
  [getSubscriptionStatus, DeviceApi.GetSubscriptionStatusRequest],
  [updateDeviceToken, DeviceApi.UpdateDeviceTokenRequest],
  [unregister, DeviceApi.UnregisterRequest]
]
const CONSOLE: ReadonlyArray<Schema.Schema<unknown, unknown>> = [
  ConsoleApi.SignIn,
  ConsoleApi.UserAction,
  ConsoleApi.NewToken,
  ConsoleApi.LogLevelChoice
] as unknown as ReadonlyArray<Schema.Schema<unknown, unknown>>

const checkRead = (
  read: Either.Either<unknown, DeviceApi.RequestUnusable>,
  schema: Schema.Schema.AnyNoContext
) => {
  if (Either.isRight(read)) {
    check(Schema.is(Schema.typeSchema(schema))(read.right), "what is read fits the schema")
    if (typeof read.right === "object" && read.right !== null && "authType" in read.right) {
      DeviceApi.readAuthType(read.right.authType as string)
    }
    return
  }
  check(read.left._tag === "RequestUnusable", "the failure is RequestUnusable")
  checkWords(read.left.message, "the message", 200)
  check(
    /^the body must be a JSON object$|^[\w.]+ (must|is|has) /.test(read.left.message),
    "the message names a field"
  )
}
