import { Effect } from "effect"
import type { Tenant } from "../../layers/storage/Storage.ts"
import type { TenantNumber } from "../../schemas/Ids.ts"
import { Patient } from "./Patient.ts"

/** The tenants that have a token, by name; none if there is no database. */
export const tenants: Effect.Effect<ReadonlyMap<string, Tenant>, never, Patient> = Effect.gen(function* () {
  const found = yield* (yield* Patient).storage
  if (found._tag !== "Opened") return new Map()
  const entries = yield* Effect.orElseSucceed(found.storage.tokenDirectory, () => [])
  return new Map(entries.map(({ tenant }) => [tenant.name, tenant]))
})

/** Whose lists and pins hold for the mailbox that is asked for; undefined: there is no tenant of the name that was given. */
export const tenantAsked: Effect.Effect<Tenant | undefined, never, Patient> = Effect.gen(function* () {
  const { questions } = yield* Patient
  const known = yield* tenants
  if (questions.tenant !== undefined) return known.get(questions.tenant)
  const [only] = known.values()
  return known.get("default") ?? (known.size === 1 ? only : undefined) ?? NOBODY
})

/** As a tenant is before anything was set for it. */
const NOBODY: Tenant = {
  tenant: 1 as TenantNumber,
  name: "default",
  ewsUrls: [],
  ewsPins: [],
  seg: false
}
