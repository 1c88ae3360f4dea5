import { STATUS_CODES } from "node:http"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Clock, Effect, LogLevel, Metric } from "effect"
import { maskApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import { reportTrouble } from "../../layers/telemetry/Troubles.ts"
import type { ActivityId, UserId } from "../../schemas/Ids.ts"
import { type Answer, statusOf } from "./Envelope.ts"
import { askerOf } from "./FailedRequests.ts"
import { Limits } from "./Limits.ts"

/** One request under way, and what came to light for its one log line. */
export class Activity {
  readonly activityId: ActivityId
  userId: UserId | undefined
  /** What is wrong with the API token, as an administrator looks for it. */
  token: string | undefined
  /** It was given one that is unknown. */
  isUnknown = false
  /** Anybody could have sent it: it showed no API token that is known. Not each of these has a line. */
  isStranger = false

  constructor(activityId: ActivityId) {
    this.activityId = activityId
  }

  /** `token`: one that is unknown, or "" for none. */
  noteUnknown(token: string): void {
    this.isStranger = true
    this.isUnknown = token !== ""
    this.token = token === "" ? "no API token" : `API token : [${maskApiToken(token)}] is unknown`
  }
}

/** Tells of an answer: log, counter and, of a wrong token, the board of troubles. */
export const report = (endpoint: string, answer: Answer, activity: Activity) =>
  Effect.gen(function* () {
    if (!activity.isStranger || (yield* mayTell)) yield* tell(endpoint, answer, activity)
    if (activity.isUnknown) {
      const what = `a phone was refused: ${activity.token}`
      yield* reportTrouble({ fault: "api-token-unknown", where: "device API", what })
    }
    const counter = answers.pipe(Metric.tagged("endpoint", endpoint), Metric.tagged("code", answer.code))
    yield* Metric.increment(counter)
  })

const answers = Metric.counter("ens_device_requests_total", {
  description: "Requests of devices by endpoint and response code",
  incremental: true
})

const mayTell = Effect.gen(function* () {
  const { keyOf, lines, sourceOf } = yield* Limits
  const source = sourceOf(askerOf(yield* HttpServerRequest.HttpServerRequest))
  return lines.mayTell(keyOf(source), yield* Clock.currentTimeMillis)
})

const tell = (endpoint: string, answer: Answer, { isUnknown, token, userId }: Activity) =>
  Effect.logWithLevel(
    token === undefined ? LogLevel.Info : LogLevel.Warning,
    `${endpoint} request processed. HttpStatusCode:[${statusName(statusOf(answer))}] ResponseCode:[${answer.code}]`
  ).pipe(
    Effect.annotateLogs({
      ...(userId === undefined ? {} : { userId }),
      ...(statusOf(answer) < 400 ? {} : { reason: token ?? answer.message }),
      ...(isUnknown ? { fault: "api-token-unknown" } : {})
    })
  )

const statusName = (status: number) => (STATUS_CODES[status] ?? String(status)).replaceAll(" ", "")
