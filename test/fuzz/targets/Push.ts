import { RETRY_AFTER_MAX } from "../../../layers/net/RetryAfter.ts"
import * as Apns from "../../../layers/push/ApnsReply.ts"
import * as Cns from "../../../layers/push/CnsReply.ts"
import * as Fcm from "../../../layers/push/FcmReply.ts"
import { existingEndpoint, type SnsFailure } from "../../../layers/push/SnsFailure.ts"
import { readFailure } from "../../../layers/push/SnsReply.ts"
import type { PushTarget, Verdict } from "../../../schemas/Push.ts"
import { headerOf, httpAnswer, httpText } from "../HttpText.ts"
import { check, checkWords, own, type Target } from "../Target.ts"

const NOW = 1_700_000_000_000
const IDS = ["a", "b", "b"]
const TARGET: PushTarget = {
  token: "t",
  platform: "iOS",
  bundleId: "b",
  environment: "production",
  registeredAt: NOW
}
const PLATFORM = {
  arn: "arn:aws:sns:eu-central-1:1:app/APNS/a",
  kind: "APNS",
  setting: "ENS_SNS_APNS_ARN",
  endpoints: "arn:"
} as const

/** Answers of CNS, APNs, FCM and SNS to notifications. */
export const target: Target = {
  name: "push",
  form: "json",
  words: [
    "200\n",
    "400\n",
    "403\n",
    "410\n",
    "429\n",
    "503\n",
    "\nretry-after: 5\n",
    "null",
    "[]",
    '"results":',
    '"reason":',
    "2007",
    "1e999",
    "EndpointDisabled"
  ],
  seeds: () =>
    own(
      httpText(200, {}, '{"status":"success","errorReason":null}'),
      httpText(
        200,
        {},
        '{"status":"partial","results":[{"id":"a","status":"success"},{"id":"b","status":"retry","retryAfter":3},{"id":"b","status":"x","reason":"BadToken"}]}'
      ),
      httpText(401, {}, '{"code":2007,"message":"the signer is not trusted"}'),
      httpText(410, {}, '{"reason":"Unregistered","timestamp":1700000000001}'),
      httpText(429, { "retry-after": "7" }, '{"reason":"TooManyRequests"}'),
      httpText(
        404,
        {},
        '{"error":{"code":404,"status":"NOT_FOUND","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"},{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"subject":"device:1"}]}]}}'
      ),
      httpText(
        400,
        {},
        '{"code":"InvalidParameter","message":"Invalid parameter: Token Reason: Endpoint arn:aws:sns:eu:1:endpoint/x already exists with the same Token"}'
      )
    ),
  run: (input) => {
    const answer = httpAnswer(input)
    const { status } = answer
    const body = Buffer.from(answer.body).toString("utf8")
    const retryAfter = headerOf(answer, "retry-after")
    const date = headerOf(answer, "date")
    for (const signed of [true, false]) {
      const reply = Cns.readReply(IDS, { status, retryAfter, date, body }, NOW, signed)
      if (reply._tag === "Refused") checkWords(reply.reason, "the reason")
      else {
        check(reply.verdicts.length === IDS.length, "each notification has a verdict")
        reply.verdicts.forEach(checkVerdict)
      }
    }
    checkWords(Cns.codeIn(body), "the code", 48)
    checkVerdict(Apns.readReply({ status, retryAfter, body }, TARGET, NOW))
    const json = parsed(body)
    checkVerdict(Fcm.readReply({ status, retryAfter, body: json }, NOW))
    const failure: SnsFailure = {
      _tag: "Answered",
      status,
      code: wordIn(json, "code"),
      message: wordIn(json, "message") ?? body,
      retryAfter
    }
    checkVerdict(readFailure(failure, PLATFORM, "ENS_SNS_REGION", NOW))
    check((existingEndpoint(failure) ?? "arn:aws").startsWith("arn:aws"), "an endpoint is one")
  }
}

type Reply =
  | Verdict
  | { readonly _tag: "TokenRefused" | "AppDown" | "PlatformDown"; readonly reason?: string }

const checkVerdict = (reply: Reply) => {
  if (reply._tag === "RetryLater") {
    check(reply.after >= 0 && reply.after <= RETRY_AFTER_MAX, "no wait is longer than allowed")
  } else if (reply._tag === "TokenDead") {
    check(reply.since === undefined || typeof reply.since === "number", "a time is a number")
  } else if ("reason" in reply && reply.reason !== undefined) checkWords(reply.reason, "the reason")
}

/** As the gateway does it: the JSON, or text that is none. */
const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}

const wordIn = (json: unknown, name: string): string | undefined => {
  const word: unknown = typeof json === "object" && json !== null ? Reflect.get(json, name) : undefined
  return typeof word === "string" ? word : undefined
}
