import { Effect, Layer } from "effect"
import { Settings } from "../../schemas/Settings.ts"

/**
 * Sends traces, metrics and logs to the collector of `OTEL_EXPORTER_OTLP_ENDPOINT`. Without one nothing is loaded. A
 * collector that is away, slow or refuses costs nothing but what it is not told.
 */
export const layer: Layer.Layer<never, never, Settings> = Layer.unwrapEffect(
  Effect.flatMap(Settings, ({ otel }) => {
    const { endpoint } = otel
    return endpoint === undefined
      ? Effect.succeed(Layer.empty)
      : Effect.map(
          Effect.promise(() => import("./OtlpExport.ts")),
          ({ layerTo }) => layerTo({ ...otel, endpoint })
        )
  })
)
