import { Effect, Layer } from "effect"
import { Autodiscover } from "./Autodiscover.ts"
import { EwsUrlUnknown } from "./EndpointPolicy.ts"

/** Finds nothing yet. */
export const layer: Layer.Layer<Autodiscover> = Layer.succeed(Autodiscover, {
  find: () => Effect.fail(new EwsUrlUnknown({ answered: false })),
  forget: () => Effect.void
})
