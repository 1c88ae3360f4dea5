import { type Clock, Effect, Exit } from "effect"
import type { DoneSpan } from "../telemetry/Spans.ts"
import type { Gateway } from "./Gateway.ts"

/**
 * The gateway, telling of each request as a span. A request is for several users' mails, so that it is an activity of its own.
 */
export const withSpans = (
  gateway: Gateway,
  clock: Clock.Clock,
  record: ((span: DoneSpan) => void) | undefined
): Gateway => {
  if (record === undefined) return gateway
  return {
    ...gateway,
    send: (batch) =>
      Effect.suspend(() => {
        const began = clock.unsafeCurrentTimeMillis()
        return Effect.onExit(gateway.send(batch), (exit) =>
          Effect.sync(() => {
            const failed = Exit.isSuccess(exit)
              ? exit.value.find(({ _tag }) => _tag !== "Delivered")?._tag
              : "died"
            record({
              name: `push ${gateway.name}`,
              kind: "client",
              activityId: undefined,
              began,
              ended: clock.unsafeCurrentTimeMillis(),
              failure: failed,
              attributes: { "ens.push.gateway": gateway.name, "ens.push.notifications": batch.length }
            })
          })
        )
      })
  }
}
