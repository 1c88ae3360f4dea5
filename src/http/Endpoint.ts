import { randomUUID } from "node:crypto"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Clock, Effect, Either, Option } from "effect"
import type { Unavailable } from "../../actors/Subscriptions.ts"
import { whereabouts } from "../../actors/Whereabouts.ts"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import type { SealBroken } from "../../layers/crypto/MasterKey.ts"
import { Ownership } from "../../layers/ownership/Ownership.ts"
import type { Tenant } from "../../layers/storage/Storage.ts"
import { activityOf, Spans } from "../../layers/telemetry/Spans.ts"
import { faultField } from "../../layers/telemetry/TroubleLog.ts"
import type { RequestUnusable } from "../../schemas/DeviceApi.ts"
import type { ActivityId, UserId } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import type { StorageError } from "../../schemas/StorageError.ts"
import { ApiTokens } from "./ApiTokens.ts"
import { type Answer, respond, statusOf, tooMany, tryAgain } from "./Envelope.ts"
import { askerOf, noteFailed } from "./FailedRequests.ts"
import type { Gate } from "./Gate.ts"
import { vouchFor } from "./Guest.ts"
import { Intake } from "./Intake.ts"
import { type BodyTooLarge, readJson } from "./JsonBody.ts"
import { Limits } from "./Limits.ts"
import { Activity, report } from "./RequestReport.ts"

/** Who asks, and the activity under which it is done. */
export interface Call {
  readonly tenant: Tenant
  readonly activityId: ActivityId
}

/** A device's request, from JSON to answer. */
export interface Endpoint<A extends { readonly userId: UserId }, R> {
  /** Last part of the path. */
  readonly name: string
  readonly read: (json: unknown) => Either.Either<A, RequestUnusable>
  readonly handle: (
    call: Call,
    request: A
  ) => Effect.Effect<Answer, StorageError | Unavailable | SealBroken, R>
  /** Said when storage failed. */
  readonly storageFailed: Answer["code"]
  /** How many may be handled at once. */
  readonly room?: Gate
}

/** Serves one request: token, room for it, body, handler, envelope; whatever happens, the device gets an envelope. */
export const serve = <A extends { readonly userId: UserId }, R>(
  endpoint: Endpoint<A, R>,
  gate: Gate
): Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  R | Settings | ApiTokens | Intake | Limits | Ownership | HttpServerRequest.HttpServerRequest
> =>
  Effect.gen(function* () {
    const settings = yield* Settings
    const { record } = yield* Spans
    const request = yield* HttpServerRequest.HttpServerRequest
    // Only where traces are wanted: elsewhere nobody but us chooses ids.
    const caller = record && activityOf(request.headers["traceparent"])
    const activityId = (caller?.activityId ?? randomUUID()) as ActivityId
    const began = yield* Clock.currentTimeMillis
    const activity = new Activity(activityId)
    const answer = yield* authorized(endpoint, gate, activity).pipe(
      Effect.catchAllCause(failed),
      Effect.tap((answer) => report(endpoint.name, answer, activity)),
      Effect.annotateLogs({ activityId, logger: `DeviceApi.${endpoint.name}` })
    )
    record?.({
      name: `POST ${endpoint.name}`,
      kind: "server",
      activityId,
      isRoot: true,
      caller: caller?.caller,
      began,
      ended: yield* Clock.currentTimeMillis,
      failure: statusOf(answer) < 500 ? undefined : answer.code,
      attributes: { "http.response.status_code": statusOf(answer), "ens.response_code": answer.code }
    })
    return respond(settings, answer)
  })

const authorized = <A extends { readonly userId: UserId }, R>(
  endpoint: Endpoint<A, R>,
  gate: Gate,
  activity: Activity
) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const token = (request.headers["ensapitoken"] ?? "").trim()
    const tenants = yield* ApiTokens
    const busy = yield* whyBusy
    if (busy !== undefined) {
      activity.isStranger = !tenants.knows(token)
      if (activity.isStranger) yield* noteFailed
      return tryAgain(busy)
    }
    const tenant = token === "" ? Option.none() : yield* tenants.tenantOf(token)
    if (Option.isNone(tenant)) {
      activity.noteUnknown(token)
      yield* noteFailed
      return UNAUTHORIZED
    }
    vouchFor((request.source as { readonly socket?: object }).socket)
    return yield* gate.run(
      tenant.value.tenant,
      answered(endpoint, request, { tenant: tenant.value, token }, activity),
      TOO_MANY
    )
  }).pipe(
    Effect.catchTags({
      TokenUndecided: (error) =>
        Effect.sync((): Answer => {
          activity.isStranger = true
          return { code: "ErrorSubscribeOrUpdateDb", message: error.message }
        }),
      // Who shows it learns no more than who shows an unknown one.
      TokenEnded: (error) =>
        Effect.map(noteFailed, () => {
          activity.isStranger = true
          activity.isUnknown = true
          activity.token = error.message
          return UNAUTHORIZED
        })
    })
  )

const whyBusy = Effect.gen(function* () {
  const intake = yield* Intake
  if (!intake.isOpen()) return "the service is shutting down; try again"
  if ((yield* Ownership).role() === "standby") return "another node is the active one; try again"
  return intake.pressure() === "none" ? undefined : "the service is overloaded; try again"
})

const answered = <A extends { readonly userId: UserId }, R>(
  endpoint: Endpoint<A, R>,
  http: HttpServerRequest.HttpServerRequest,
  { tenant, token }: { readonly tenant: Tenant; readonly token: string },
  activity: Activity
) =>
  Effect.gen(function* () {
    const limits = yield* Limits
    const byToken = hashApiToken(token).toString("base64")
    const soon = limits.token.wait(byToken, yield* Clock.currentTimeMillis)
    if (soon > 0) return tokenRefused(limits, http, soon)
    const read = yield* Effect.either(Effect.flatMap(readJson(http), endpoint.read))
    const now = yield* Clock.currentTimeMillis
    if (Either.isLeft(read)) {
      limits.token.take(byToken, now)
      yield* noteFailed
      return unusable(read.left)
    }
    const request = read.right
    activity.userId = request.userId
    // First the user's, so that one phone that asks without end takes nothing from the others with its token.
    const byUser = `${tenant.tenant}|${request.userId}|${endpoint.name}`
    const userWait = limits.user.take(byUser, now)
    if (userWait > 0) {
      limits.refused("user", askerOf(http))
      return tooMany("too many requests for this user", userWait)
    }
    const tokenWait = limits.token.take(byToken, now)
    if (tokenWait > 0) {
      limits.user.giveBack(byUser, now)
      return tokenRefused(limits, http, tokenWait)
    }
    const { activityId } = activity
    const handled = handle(endpoint, { tenant, activityId }, request)
    if (endpoint.room === undefined) return yield* handled
    const answer = yield* endpoint.room.run(tenant.tenant, handled, FULL)
    if (answer === FULL) limits.refused("registrations", askerOf(http))
    return answer
  })

const handle = <A extends { readonly userId: UserId }, R>(endpoint: Endpoint<A, R>, call: Call, request: A) =>
  endpoint.handle(call, request).pipe(
    Effect.timeoutTo({
      duration: HANDLED_WITHIN,
      onSuccess: (answer): Answer => answer,
      onTimeout: () => tryAgain("the service is too slow at the moment; try again")
    }),
    Effect.catchTags({
      StorageError: (error) =>
        Effect.as(Effect.annotateLogs(Effect.logError(error.message, error.cause), faultField(error)), {
          code: endpoint.storageFailed,
          message: "storage failed; try again"
        }),
      SealBroken: (error) =>
        Effect.as(Effect.logError(`${error.message}; was the database made with another master key?`), FAULT),
      Unavailable: (error) =>
        Effect.as(Effect.logWarning(error.message), tryAgain("the service is busy or starting; try again"))
    }),
    Effect.annotateLogs({ userId: request.userId })
  )

const tokenRefused = (
  limits: Limits["Type"],
  http: HttpServerRequest.HttpServerRequest,
  wait: number
): Answer => {
  limits.refused("token", askerOf(http))
  return tooMany("too many requests with this API token", wait)
}

const unusable = (error: RequestUnusable | BodyTooLarge): Answer => ({
  code: "Failed",
  message: error.message,
  ...(error._tag === "BodyTooLarge" ? { status: 413 } : {})
})

/** A bug. What it says of itself may quote a decrypted payload, so the log is told only where it is. */
const failed = (cause: Cause.Cause<never>) =>
  Effect.as(Effect.logError("request failed", { where: whereabouts(Cause.squash(cause)) }), FAULT)

/** Devices wait 30 seconds. Above what a registration allows itself, because that gives a better answer. */
const HANDLED_WITHIN = "29 seconds"

const FAULT: Answer = { code: "UpdateFail", message: "the request could not be handled; try again later" }
const TOO_MANY: Answer = {
  code: "UpdateFail",
  message: "too many requests at once; try again later",
  status: 429,
  retryAfterSeconds: 30
}
/** Registrations wait for Exchange, up to half a minute each. */
const FULL: Answer = {
  code: "UpdateFail",
  message: "too many registrations at once; try again later",
  status: 429,
  retryAfterSeconds: 30
}
const UNAUTHORIZED: Answer = {
  code: "UnauthorizedRequest",
  message: "the API token in the header ENSAPIToken is missing, unknown or revoked"
}
