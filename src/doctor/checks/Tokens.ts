import { Effect, Option, Redacted } from "effect"
import { hashApiToken } from "../../../layers/crypto/ApiTokenSecret.ts"
import type { Check } from "../Check.ts"
import { failed, faulty, ok, skipped } from "../Finding.ts"
import { Patient } from "../Patient.ts"

/** API tokens: there is one, where the log-ins of each tenant may go, and whether the one that phones show is known. */
export const tokens: Check = {
  name: "API tokens",
  within: 15,
  network: false,
  run: (tell) =>
    Effect.gen(function* () {
      const { questions, settings, storage } = yield* Patient
      const found = yield* storage
      if (found._tag !== "Opened") return tell(skipped("API tokens", "they are in the database"))
      const all = yield* found.storage.listTokens
      if (all.length === 0) {
        tell(
          failed(
            "API tokens",
            "there are none, so no phone can register",
            "make one: ens token create --label phones"
          )
        )
      }
      for (const [tenant, some] of Map.groupBy(all, (token) => token.tenant)) {
        const urls = [...new Set(some.flatMap(({ ewsUrls }) => ewsUrls))]
        const where =
          urls.length > 0
            ? urls.join(", ")
            : settings.ewsAllowedHosts.length > 0
              ? `hosts of ENS_EWS_ALLOWED_HOSTS (${settings.ewsAllowedHosts.join(", ")})`
              : "where Autodiscover says"
        const count = some.length === 1 ? "1 token" : `${some.length} tokens`
        tell(ok("API tokens", `tenant ${tenant} has ${count}; log-ins go to ${where}`))
      }
      if (questions.apiToken === undefined) return
      const tenant = yield* found.storage.tenantOfToken(hashApiToken(Redacted.value(questions.apiToken)))
      if (Option.isSome(tenant)) tell(ok("API token", `the given one is of tenant ${tenant.value.name}`))
      else tell(faulty("API token", "api-token-unknown", "the given one is none of the database's"))
    })
}
