import { Clock, Effect } from "effect"
import type { Storage, StoredLink, UserPage } from "../../../layers/storage/Storage.ts"
import { faultOf } from "../../../schemas/Fault.ts"
import type { UserNumber } from "../../../schemas/Ids.ts"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import type { StorageError } from "../../../schemas/StorageError.ts"
import type { Check } from "../Check.ts"
import { failed, faulty, ok, skipped } from "../Finding.ts"
import { Patient } from "../Patient.ts"

/** How many users are in which state, as storage has it; never who. */
export const subscriptions: Check = {
  name: "subscriptions",
  within: 60,
  network: false,
  run: (tell) =>
    Effect.gen(function* () {
      const { settings, storage } = yield* Patient
      const found = yield* storage
      if (found._tag !== "Opened") return tell(skipped("subscriptions", "they are in the database"))
      const { hosts, links: counts } = yield* countLinks(
        found.storage,
        settings,
        yield* Clock.currentTimeMillis
      )
      if (counts.size === 0) return tell(ok("subscriptions", "none yet; phones make them when they register"))
      tell(ok("subscriptions", [...counts].map(([link, count]) => `${count} ${link}`).join(", ")))
      for (const [host, { heard, silent, waiting }] of hosts) {
        if (heard > 0 || waiting === 0) continue
        // A few that worked are likelier forgotten by a restarted Exchange than cut off.
        if (silent === waiting && silent < MANY) {
          const says = `all ${silent} subscriptions at ${host} were called back, and are no more`
          const cure = `${faultOf("subscription-lost").cure}; if that does not help, check that Exchange reaches ENS_PUBLIC_URL`
          tell(faulty("subscriptions", "subscription-lost", says, cure))
          continue
        }
        const says = `none of the ${waiting} subscriptions at ${host} is called back`
        tell(faulty("subscriptions", "callbacks-missing", says))
      }
      const users = (link: StoredLink) => {
        const count = counts.get(link) ?? 0
        return count === 1 ? "1 user" : `${count} users`
      }
      if (counts.has("Lost")) {
        tell(faulty("subscriptions", "subscription-lost", `${users("Lost")} did not register for 14 days`))
      }
      if (counts.has("CredentialsRejected")) {
        tell(faulty("subscriptions", "exchange-log-in-refused", users("CredentialsRejected")))
      }
      if (counts.has("Blocked")) tell(faulty("subscriptions", "seg-blocks-device", users("Blocked")))
      if (counts.has("Parked")) {
        tell(
          failed(
            "subscriptions",
            `${users("Parked")} could not be served because of an error`,
            "see the service's log for level error"
          )
        )
      }
    })
}

/** What is known of the users of a host. */
interface HostCounts {
  /** Called back as they should be, or too young to tell. */
  heard: number
  waiting: number
  /** Of those that wait: they were called back before. */
  silent: number
}

const MANY = 10

interface Counts {
  readonly links: Map<StoredLink, number>
  readonly hosts: Map<string, HostCounts>
}

const countLinks = (
  storage: Storage["Type"],
  { statusFrequencyMinutes }: Pick<SettingsShape, "statusFrequencyMinutes">,
  now: number
): Effect.Effect<Counts, StorageError> =>
  Effect.gen(function* () {
    const counts: Counts = { links: new Map(), hosts: new Map() }
    const period = statusFrequencyMinutes * 60_000
    const young = now - period - GRACE
    let after: UserNumber | undefined
    do {
      const page: UserPage = yield* storage.subscriptions(after, PAGE)
      for (const { ewsUrl, hot, link, linkSince, subscribedAt } of page.rows) {
        counts.links.set(link, (counts.links.get(link) ?? 0) + 1)
        const name = URL.parse(ewsUrl)?.host ?? ""
        const host = counts.hosts.get(name) ?? { heard: 0, waiting: 0, silent: 0 }
        counts.hosts.set(name, host)
        if (link === "Active" || (link === "Unconfirmed" && linkSince > young)) host.heard += 1
        else if (link === "Unconfirmed" || link === "Overdue") {
          host.waiting += 1
          // Subscribing itself counts as heard.
          if (link === "Overdue" && hot.lastHeard - subscribedAt > period / 2) host.silent += 1
        }
      }
      after = page.next
    } while (after !== undefined)
    return counts
  })

const PAGE = 1_000

/** Milliseconds that a first callback may be late. */
const GRACE = 120_000
