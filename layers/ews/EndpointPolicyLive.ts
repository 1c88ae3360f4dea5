import { Effect, Layer } from "effect"
import { Settings } from "../../schemas/Settings.ts"
import type { Tenant } from "../storage/Storage.ts"
import { type AllowedEndpoint, type Choice, EndpointPolicy, EwsUrlNotAllowed } from "./EndpointPolicy.ts"
import { endpointRules, readEndpoint } from "./EndpointRules.ts"

/**
 * The rule of contract section 3 over the tenant's list and `ENS_EWS_ALLOWED_HOSTS`. Where the tenant has no list and the
 * device names no URL, Autodiscover says which is right; where nothing at all is listed, it must also confirm the
 * device's.
 */
export const layer: Layer.Layer<EndpointPolicy, never, Settings> = Layer.effect(
  EndpointPolicy,
  Effect.map(Settings, (settings) => {
    const rulesOf = endpointRules(settings)
    const refuse = (url: URL | undefined) => new EwsUrlNotAllowed({ host: url?.host ?? "" })
    /** What a tenant's stored URLs are, as long as its list is this very one: asked for twice with every mail. */
    const recalled = new WeakMap<Tenant, Map<string, Effect.Effect<AllowedEndpoint, EwsUrlNotAllowed>>>()
    const recall = (tenant: Tenant, stored: string): Effect.Effect<AllowedEndpoint, EwsUrlNotAllowed> => {
      const url = readEndpoint(stored)
      const found = rulesOf(tenant).find(url)
      return found === undefined ? refuse(url) : Effect.succeed(found)
    }
    return EndpointPolicy.of({
      choose: (tenant, requested): Effect.Effect<Choice, EwsUrlNotAllowed> => {
        const rules = rulesOf(tenant)
        const discover = (wanted: string | undefined): Choice => ({
          _tag: "Autodiscover",
          wanted,
          unlisted: rules.listsNothing
        })
        if (requested === undefined) {
          return Effect.succeed(rules.first === undefined ? discover(undefined) : endpoint(rules.first))
        }
        const url = readEndpoint(requested)
        const found = rules.find(url)
        if (found === undefined) return refuse(url)
        return Effect.succeed(found.listed ? endpoint(found) : discover(found.url))
      },
      recall: (tenant, stored) => {
        const known = recalled.get(tenant) ?? new Map<string, ReturnType<typeof recall>>()
        const answer = known.get(stored) ?? recall(tenant, stored)
        if (known.size < RECALLED_MAX) known.set(stored, answer)
        recalled.set(tenant, known)
        return answer
      }
    })
  })
)

/** URLs of one tenant that are remembered; users of one have few hosts. */
const RECALLED_MAX = 100

const endpoint = (found: AllowedEndpoint): Choice => ({ _tag: "Endpoint", endpoint: found })
