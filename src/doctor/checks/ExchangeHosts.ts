import { isIP } from "node:net"
import { Effect } from "effect"
import { EndpointPolicy } from "../../../layers/ews/EndpointPolicy.ts"
import type { Tenant } from "../../../layers/storage/Storage.ts"
import type { Check } from "../Check.ts"
import { examineHost } from "../EwsHost.ts"
import { nobody, withExchange } from "../Exchange.ts"
import { failed, faulty, skipped } from "../Finding.ts"
import { Patient } from "../Patient.ts"
import { tenantAsked, tenants } from "../Tenant.ts"

/** Every Exchange that is listed, as far as anybody can look at it. With a mailbox, `Mailbox` looks closer. */
export const exchangeHosts: Check = {
  name: "Exchange",
  within: 120,
  network: true,
  run: (tell) =>
    Effect.gen(function* () {
      const { questions, settings } = yield* Patient
      if (questions.mailbox !== undefined) return
      const policy = yield* EndpointPolicy
      const asked = yield* tenantAsked
      if (asked === undefined) {
        return tell(failed("Exchange", `there is no tenant ${questions.tenant}`, "see: ens token list"))
      }
      const of = questions.tenant === undefined ? [...(yield* tenants).values()] : [asked]
      const targets = new Map<string, readonly [string, Tenant]>()
      for (const tenant of of) {
        for (const url of tenant.ewsUrls) targets.set(`${url} ${tenant.ewsPins.join()}`, [url, tenant])
      }
      for (const host of new Set([...settings.ewsAllowedHosts, ...settings.segHosts])) {
        const url = urlOf(host)
        const known = [...targets.values()].some(([one]) => URL.parse(one)?.hostname === host)
        if (url === undefined)
          tell(skipped("Exchange", `${host} is a range of addresses; ask for a mailbox with --email`))
        else if (!known) targets.set(url, [url, asked])
      }
      if (targets.size === 0) {
        tell(
          skipped(
            "Exchange",
            "no EWS URL is listed, so Autodiscover says; give a mailbox with --email to try that"
          )
        )
      }
      for (const [url, tenant] of targets.values()) {
        const endpoint = yield* Effect.either(policy.recall(tenant, url))
        if (endpoint._tag === "Left") tell(faulty("Exchange", "ews-url-not-allowed", url))
        else yield* examineHost(tell, endpoint.right, nobody(tenant, policy))
      }
    }).pipe(withExchange)
}

/** Where EWS usually is on a listed host; undefined for ranges. */
const urlOf = (host: string): string | undefined => {
  if (host.includes("/") || host.includes("*")) return undefined
  return `https://${isIP(host) === 6 ? `[${host}]` : host}/EWS/Exchange.asmx`
}
