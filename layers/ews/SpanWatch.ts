import { Cause, type Clock, Exit, Option } from "effect"
import type { DoneSpan } from "../telemetry/Spans.ts"
import type { CallWatch, Outcome } from "./CallWatch.ts"

/** Tells of each call that is made, as a span below its activity. */
export const makeSpanWatch = (clock: Clock.Clock, record: (span: DoneSpan) => void): CallWatch => ({
  admit: ({ caller, operation, url }) => {
    const began = clock.unsafeCurrentTimeMillis()
    return (outcome) => {
      record({
        name: `EWS ${operation}`,
        kind: "client",
        activityId: caller.activityId,
        began,
        ended: clock.unsafeCurrentTimeMillis(),
        failure: failureOf(outcome),
        attributes: {
          "server.address": url.hostname,
          "ens.ews.operation": operation,
          ...(Exit.isSuccess(outcome) ? { "http.response.status_code": outcome.value.status } : {})
        }
      })
      return outcome
    }
  }
})

const failureOf = (outcome: Outcome): string | undefined =>
  Exit.isSuccess(outcome)
    ? undefined
    : Option.match(Cause.failureOption(outcome.cause), {
        onNone: () => "interrupted",
        onSome: ({ _tag }) => _tag
      })
