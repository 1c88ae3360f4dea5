import { Clock, Effect, Redacted } from "effect"
import { hashApiToken } from "../../../layers/crypto/ApiTokenSecret.ts"
import { hasEnded, isNeededBeyondEnd } from "../../../schemas/TokenEnd.ts"
import { shownId } from "../../cli/AdminTokens.ts"
import type { Check } from "../Check.ts"
import { failed, faulty, ok, skipped } from "../Finding.ts"
import { Patient } from "../Patient.ts"

/** API tokens: there is one, where the log-ins of each tenant may go, whether one ends too soon, and whether the one that phones show is valid. */
export const tokens: Check = {
  name: "API tokens",
  within: 15,
  network: false,
  run: (tell) =>
    Effect.gen(function* () {
      const { questions, settings, storage } = yield* Patient
      const found = yield* storage
      if (found._tag !== "Opened") return tell(skipped("API tokens", "they are in the database"))
      const now = yield* Clock.currentTimeMillis
      const listed = yield* found.storage.listTokens
      const all = listed.filter((token) => !hasEnded(token, now))
      if (all.length === 0) {
        tell(
          failed(
            "API tokens",
            listed.length === 0
              ? "there are none, so no phone can register"
              : "all have ended, so no phone can register",
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
      const adminTokens = (yield* found.storage.listAdminTokens).map((token) => ({
        ...token,
        id: shownId(token.id)
      }))
      for (const token of [...all, ...adminTokens]) {
        if (!isNeededBeyondEnd(token, now)) continue
        const end = new Date(token.expiresAt ?? now).toISOString()
        const says = `token ${token.id} (${token.label}) ends at ${end} and has been used since it was replaced`
        tell(failed("API tokens", says, "put the token that replaces it where it is still used"))
      }
      if (questions.apiToken === undefined) return
      const hash = hashApiToken(Redacted.value(questions.apiToken))
      const given = (yield* found.storage.tokenDirectory).find((entry) =>
        entry.hash.every((b, i) => b === hash[i])
      )
      if (given === undefined) {
        tell(faulty("API token", "api-token-unknown", "the given one is none of the database's"))
      } else if (hasEnded(given, now)) {
        const end = new Date(given.expiresAt ?? now).toISOString()
        tell(faulty("API token", "api-token-unknown", `the given one, token ${given.id}, ended at ${end}`))
      } else tell(ok("API token", `the given one is of tenant ${given.tenant.name}`))
    })
}
