import type { Effect } from "effect"
import { show } from "../../src/sandbox/Device.ts"
import type { ExchangeStandIn } from "../../src/sandbox/Exchange.ts"
import type { PushStandIn } from "../../src/sandbox/PushControl.ts"
import type { TakenPush } from "../../src/sandbox/PushDesk.ts"
import type { Push } from "./Facts.ts"
import type { Journal } from "./Journal.ts"
import { type Phone, receive } from "./Phone.ts"

type Run = (effect: Effect.Effect<void>) => unknown

/** Notes what Exchange sends and is asked. */
export const watchExchange = (exchange: ExchangeStandIn, journal: Journal): void => {
  exchange.onDelivery(({ at, attempt, itemIds, milliseconds, outcome, subscriptionId, user }) =>
    journal.attempt(user, itemIds, {
      at: at.getTime(),
      until: at.getTime() + Math.round(milliseconds),
      subscription: subscriptionId,
      attempt,
      outcome
    })
  )
  exchange.onSubscriptionEnded(({ id, state, user }) => journal.ended(user, id, state))
  exchange.onRequest(({ at, operation, status, user }) => {
    if (user !== "") journal.about(user, `EWS ${operation}: ${status || "cut"}`, at.getTime())
  })
}

/** Notes what a gateway takes and refuses, and brings it to the phones. */
export const watchGateway = (
  gateway: PushStandIn,
  phones: ReadonlyMap<string, Phone>,
  journal: Journal,
  run: Run
): void => {
  gateway.onNotification((taken) => {
    const phone = phones.get(taken.deviceToken)
    if (phone === undefined) return
    const push = pushOf(taken)
    if (push !== undefined) journal.pushes.push(push)
    run(receive(phone, taken.payload, journal))
  })
  gateway.onRequest(({ deviceToken, reason, status }) => {
    const phone = phones.get(deviceToken)
    if (phone !== undefined)
      journal.about(phone.person.address, `push to ${phone.device.platform}: ${status} ${reason}`.trimEnd())
  })
}

/** Undefined: it tells of no mail. */
const pushOf = ({ at, deviceToken: token, deviceType, options, payload }: TakenPush): Push | undefined => {
  const { action, itemIds, title } = show(deviceType, payload)
  if (action !== "newMail") return undefined
  const count = countIn(payload)
  return {
    at: at.getTime(),
    token,
    itemIds,
    count: count ?? 1,
    // An app on Android replaces by the mail that it is told of.
    collapseId: String(options["apns-collapse-id"] ?? options["collapse_key"] ?? itemIds.join()),
    kind: count !== undefined ? "summary" : title === "" ? "bare" : "details"
  }
}

/** Only a summary has one. */
const countIn = (payload: unknown): number | undefined => {
  const fields = payload as { readonly ens?: { readonly count?: unknown }; readonly count?: unknown }
  const count = fields.ens?.count ?? fields.count
  return count === undefined ? undefined : Number(count)
}
