import { Effect, Layer } from "effect"
import { type PushNotification, Verdict } from "../../schemas/Push.ts"
import type { Settings } from "../../schemas/Settings.ts"
import type { MasterKey } from "../crypto/MasterKey.ts"
import * as ConfiguredGateways from "../push/ConfiguredGateways.ts"
import type { Gateway } from "../push/Gateway.ts"
import { Push } from "../push/Push.ts"
import type { PushSetupError } from "../push/PushSetupError.ts"
import * as PushStage from "../push/PushStage.ts"
import type { Storage } from "../storage/Storage.ts"
import { mayAct, mayAnswer, Ownership } from "./Ownership.ts"

/**
 * The push stage over the gateways that the settings name, each of which looks at the clock right before a request leaves:
 * what waited for a slot in a process that stood still is not sent by it any more.
 */
export const layer: Layer.Layer<Push, PushSetupError, Settings | MasterKey | Storage | Ownership> =
  Layer.scoped(
    Push,
    Effect.gen(function* () {
      const ownership = yield* Ownership
      const { android, ios } = yield* ConfiguredGateways.make
      const fencedIos = fencedGateway(ios, ownership)
      return yield* PushStage.make({
        ios: fencedIos,
        android: android === ios ? fencedIos : fencedGateway(android, ownership)
      })
    })
  )

/**
 * Mails and badges of callbacks go out as long as callbacks may be answered; phones are woken for a registration by the
 * node that surely is the active one. Else the verdict is `RetryLater`: nothing is said about the gateway.
 */
export const fencedGateway = (gateway: Gateway, ownership: Ownership["Type"]): Gateway => ({
  ...gateway,
  send: (batch) =>
    Effect.suspend(() => {
      const allowed = batch.filter((notification) => maySend(notification, ownership))
      if (allowed.length === batch.length) return gateway.send(batch)
      if (allowed.length === 0) return Effect.succeed(batch.map(() => NOT_OURS))
      return Effect.map(gateway.send(allowed), (verdicts) => {
        const known = new Map(allowed.map((notification, index) => [notification, verdicts[index]]))
        return batch.map((notification) => known.get(notification) ?? NOT_OURS)
      })
    })
})

/** Whether this node may send the notification now. */
export const maySend = ({ kind }: PushNotification, ownership: Ownership["Type"]): boolean =>
  kind === "resubscribe" ? mayAct(ownership) : mayAnswer(ownership)

const NOT_OURS = Verdict.RetryLater({ after: 0 })
