import { Effect, Layer } from "effect"
import { Autodiscover } from "../../layers/ews/Autodiscover.ts"
import {
  type AllowedEndpoint,
  type Choice,
  EndpointPolicy,
  EwsUrlNotAllowed,
  EwsUrlUnknown
} from "../../layers/ews/EndpointPolicy.ts"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"

export const EWS_URL = "https://mail.example.com/EWS/Exchange.asmx"
/** A second one that tenants may use, for moves. */
export const OTHER_URL = "https://new.example.com/EWS/Exchange.asmx"
/** Choosing it dies. */
export const LETHAL_URL = "https://dies.example.com/"

/** Where mailboxes are, to be changed by a test. */
export interface Places {
  /** All URLs are those of a Secure Email Gateway. */
  seg: boolean
  /** What Autodiscover finds: the first of these, which goes when it is forgotten. */
  found: ReadonlyArray<{ readonly url: string; readonly version?: ExchangeVersion }>
}

/** The URLs of the tenant, and those that Autodiscover led to, which nobody listed. */
export const makePlaces = (): {
  readonly places: Places
  readonly layer: Layer.Layer<EndpointPolicy | Autodiscover>
} => {
  const places: Places = { seg: false, found: [] }
  const known = new Set<string>()
  const recall = (url: string): Effect.Effect<AllowedEndpoint, EwsUrlNotAllowed> => {
    if (url === LETHAL_URL) return Effect.die(new Error("a defect in the policy"))
    const listed = url === EWS_URL || url === OTHER_URL
    return listed || known.has(url)
      ? Effect.succeed({ url, listed, pins: [], seg: places.seg })
      : new EwsUrlNotAllowed({ host: "elsewhere" })
  }
  const policy = Layer.succeed(EndpointPolicy, {
    choose: (_tenant, requested) =>
      requested === undefined
        ? Effect.succeed<Choice>({ _tag: "Autodiscover", wanted: undefined, unlisted: true })
        : Effect.map(recall(requested), (endpoint): Choice => ({ _tag: "Endpoint", endpoint })),
    recall: (_tenant, url) => recall(url)
  })
  const autodiscover = Layer.succeed(Autodiscover, {
    find: () =>
      Effect.suspend(() => {
        const [first] = places.found
        if (first === undefined) return new EwsUrlUnknown({ answered: false })
        known.add(first.url)
        return Effect.map(Effect.orDie(recall(first.url)), (endpoint) => ({
          endpoint,
          version: first.version
        }))
      }),
    forget: (_tenant, url) =>
      Effect.sync(() => {
        places.found = places.found.filter((one) => one.url !== url)
      })
  })
  return { places, layer: Layer.merge(policy, autodiscover) }
}
