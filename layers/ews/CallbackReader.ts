import { Either } from "effect"
import type { EwsNotification } from "../../schemas/EwsMessage.ts"
import { makeHeartbeatScan } from "./HeartbeatScan.ts"
import { decodeSendNotification, type NotAnEwsCallback } from "./SendNotification.ts"

/** What the callback listener reads bodies with: `decodeSendNotification`, and a short cut for heartbeats. */
export type CallbackReader = (body: Uint8Array) => Either.Either<EwsNotification, NotAnEwsCallback>

/** One per listener; it remembers the forms of heartbeats. Only authentic callbacks should get here (the MAC comes first). */
export const makeCallbackReader = (): CallbackReader => {
  const scan = makeHeartbeatScan()
  return (body) => {
    const heartbeat = scan.read(body)
    if (heartbeat !== undefined) return Either.right(heartbeat)
    const read = decodeSendNotification(body)
    if (Either.isRight(read)) scan.learn(body, read.right)
    return read
  }
}
