import { Deferred, Effect } from "effect"
import type { Gateway } from "../../layers/push/Gateway.ts"
import type { PushNotification, Verdict } from "../../schemas/Push.ts"
import type { GatewayName } from "../../schemas/Settings.ts"

/** One request that the gateway got, waiting for its answer. */
export interface GatewayRequest {
  readonly batch: ReadonlyArray<PushNotification>
  /** Answers every notification with this verdict, or each with its own. */
  readonly answer: (verdicts: Verdict | ReadonlyArray<Verdict>) => Effect.Effect<void>
  /** Throws inside the gateway. */
  readonly crash: (message: string) => Effect.Effect<void>
}

/** A gateway whose every request is answered by the test. `requests` lists all of them, answered or not. */
export const make = (options: {
  readonly name?: GatewayName
  readonly batchSize?: number
  readonly slots?: number
}): Gateway & { readonly requests: ReadonlyArray<GatewayRequest> } => {
  const requests: Array<GatewayRequest> = []
  return {
    name: options.name ?? "cns",
    batchSize: options.batchSize ?? 10,
    slots: options.slots ?? 1,
    requests,
    send: Effect.fnUntraced(function* (batch: ReadonlyArray<PushNotification>) {
      const answered = yield* Deferred.make<ReadonlyArray<Verdict>>()
      requests.push({
        batch,
        answer: (verdicts) =>
          Deferred.succeed(answered, "_tag" in verdicts ? batch.map(() => verdicts) : verdicts),
        crash: (message) => Deferred.die(answered, new TypeError(message))
      })
      return yield* Deferred.await(answered)
    })
  }
}
