import { Effect } from "effect"
import type { SubscriptionView } from "../../src/sandbox/Exchange.ts"
import type { ChaosOptions } from "./Options.ts"
import type { Person } from "./Person.ts"
import type { World } from "./World.ts"

/** Minutes after which everybody was asked who may be: until silence is noticed, and as long as a shared fault is held. */
export const askedByThen = ({ check = 30 }: ChaosOptions): number => 50 + 2 * check

/** An app is woken twice an hour at most (contract section 4), and no setting shortens that hour. */
const NUDGES_AN_HOUR = 2

const living = (subscriptions: ReadonlyArray<SubscriptionView>): ReadonlySet<string> =>
  new Set(
    subscriptions.filter(({ state }) => state === "Active" || state === "Retrying").map(({ user }) => user)
  )

/** People without a subscription who have a phone that does what it is asked. */
export const cutOff = ({ exchange, people }: World): ReadonlyArray<Person> => {
  const connected = living(exchange.subscriptions())
  return people.filter(({ address, phones }) => !connected.has(address) && phones.some(({ obeys }) => obeys))
}

/**
 * Those of them whose phones were asked twice are not asked again within this hour. Sooner or later they look at their
 * mail: the app starts, and registers.
 */
export const openApps = (world: World): Effect.Effect<void> => {
  const phones = cutOff(world)
    .flatMap(({ phones }) => phones)
    .filter(({ asked, obeys }) => obeys && asked.length >= NUDGES_AN_HOUR)
  world.journal.counts.appsOpened += phones.length
  return Effect.forEach(phones, (phone) => Effect.forkIn(phone.register(false), world.scope), {
    discard: true
  })
}
