import { Effect, Redacted } from "effect"
import type { EwsEvent } from "../../schemas/EwsMessage.ts"
import type { ActivityId, Generation, ItemId, UserNumber } from "../../schemas/Ids.ts"
import type { Platform, Policy } from "../../schemas/Push.ts"
import type { Callback } from "../../schemas/SubscriptionMessage.ts"
import { events, type Pending, type Process, type World } from "./ActorFixture.ts"

/** Someone with a phone, and what Exchange calls back with. */
export interface Subscriber {
  readonly address: string
  readonly token: string
  readonly platform: Platform
  readonly user: UserNumber
  readonly generation: Generation
  readonly subscriptionId: Callback["subscriptionId"]
  readonly f: string
  mails: number
}

/** So many users `user-n@example.com`, every other one with an Android phone, who see of a mail that it came (policy 3). */
export const subscribe = Effect.fnUntraced(function* (
  world: World,
  ens: Process,
  count: number,
  policy: Policy = 3
) {
  const subscribers: Array<Subscriber> = []
  for (let n = 0; n < count; n++) {
    const address = `user-${n}@example.com`
    const token = `phone-${n}`
    const platform = n % 2 === 0 ? "iOS" : "Android"
    const user = yield* world.user(address)
    ens.register(address, { token, device: { platform, policy } })
    if (n % 50 === 49 || n === count - 1) yield* world.settled
    subscribers.push({
      address,
      token,
      platform,
      user,
      generation: 1 as Generation,
      subscriptionId: undefined,
      f: "",
      mails: 0
    })
  }
  yield* world.settled
  return yield* Effect.forEach(subscribers, (one) =>
    Effect.map(world.subscription(one.address), ({ callbackUrl, subscriptionId }): Subscriber => {
      const query = new URL(callbackUrl).searchParams
      const f = query.get("f") ?? ""
      const verified = world.seal.verify(query.get("id") ?? "", f, query.get("s") ?? "")
      if (verified === undefined) throw new Error("a callback URL that is not ours")
      return { ...one, generation: verified.generation, subscriptionId, f }
    })
  )
})

let items = 0

/** So many new mails in one callback. Exchange is not asked about them: this is about what comes after. */
export const callback = (world: World, ens: Process, to: Subscriber, count: number): Pending<unknown> => {
  to.mails += count
  return post(
    ens,
    to,
    Array.from({ length: count }, () =>
      events.newMail(to.address, `item ${++items}` as ItemId, world.clock.now)
    )
  )
}

/** Without a look at Exchange, unless told otherwise. */
export const post = (
  ens: Process,
  to: Subscriber,
  list: ReadonlyArray<EwsEvent>,
  hurried = true
): Pending<unknown> =>
  ens.post(to.user, {
    _tag: "Callback",
    activityId: "00000000-0000-4000-8000-000000000000" as ActivityId,
    generation: to.generation,
    subscriptionId: to.subscriptionId,
    previousWatermark: undefined,
    events: list,
    errorCode: undefined,
    f: Redacted.make(to.f),
    hurried
  })
