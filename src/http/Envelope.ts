import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { ResponseCode } from "../../schemas/ResponseCode.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import type { DeviceReply } from "../../schemas/SubscriptionMessage.ts"
import { version } from "../Instance.ts"

/** What an endpoint answers, before it becomes HTTP. */
export interface Answer extends DeviceReply {
  readonly publicKey?: string
}

/** The HTTP answer in the envelope that every device knows (contract section 2). */
export const respond = (
  settings: Pick<SettingsShape, "environmentType">,
  answer: Answer
): HttpServerResponse.HttpServerResponse => {
  const { body, headers, status } = envelopeOf(settings, answer)
  return HttpServerResponse.unsafeJson(body, { status, headers })
}

/** The same for whoever writes it himself. */
export const envelopeOf = (settings: Pick<SettingsShape, "environmentType">, answer: Answer) => {
  const status = statusOf(answer)
  const retryAfterSeconds = answer.retryAfterSeconds ?? usualRetry(answer, status)
  const body = {
    responseCode: ResponseCode[answer.code].code,
    errorMessage: status < 300 ? "" : answer.message,
    version,
    environmentType: settings.environmentType,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(answer.publicKey === undefined ? {} : { publicKey: answer.publicKey }),
    ...(answer.subscriptionId === undefined ? {} : { subscriptionId: answer.subscriptionId }),
    ...(answer.state === undefined ? {} : { state: answer.state }),
    ...(answer.lastHeartbeat === undefined ? {} : { lastHeartbeat: iso(answer.lastHeartbeat) })
  }
  const headers: Readonly<Record<string, string>> = {
    "cache-control": "no-store",
    ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) })
  }
  return { status, headers, body }
}

export const statusOf = (answer: Answer): number => answer.status ?? ResponseCode[answer.code].status

/** The answer to whatever cannot be done now, but soon: starting, draining, storage away, mailbox full. */
export const tryAgain = (message: string): Answer => ({
  code: "UpdateFail",
  message,
  status: 503,
  retryAfterSeconds: 10
})

/** The answer to what a limit refuses; `wait` milliseconds until it would be let through. */
export const tooMany = (what: string, wait: number): Answer => {
  const retryAfterSeconds = Math.max(1, Math.ceil(wait / 1000))
  const message = `${what}; try again in ${retryAfterSeconds} s`
  return { code: "UpdateFail", message, status: 429, retryAfterSeconds }
}

export const USER_NOT_FOUND: Answer = {
  code: "UserSubscriptionNotFound",
  message: "this user is not registered"
}

/** Codes that the app answers by trying later. */
const RETRIED: ReadonlySet<Answer["code"]> = new Set([
  "UpdateFail",
  "ErrorSubscribeOrUpdateDb",
  "SubscribeAgain",
  "UserSubscribedNotUpdatedInDb",
  "FailedToGetEwsUrlFromAutoDiscovery"
])

/** The first pause that apps make by themselves. */
const usualRetry = (answer: Answer, status: number) =>
  RETRIED.has(answer.code) && status !== 404 ? 60 : undefined

const iso = (milliseconds: number | null) =>
  milliseconds === null ? null : new Date(milliseconds).toISOString()
