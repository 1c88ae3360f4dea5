import { Effect, Layer, Schedule } from "effect"
import type { Push } from "../layers/push/Push.ts"
import type { Storage } from "../layers/storage/Storage.ts"
import { Settings } from "../schemas/Settings.ts"
import { measureGateways } from "./http/AdminGateways.ts"
import { measure } from "./http/ScrapeMetrics.ts"

/** Where metrics are sent and not fetched, nobody's scrape brings the looked-up ones up to date. */
export const layer: Layer.Layer<never, never, Settings | Storage | Push> = Layer.unwrapEffect(
  Effect.map(Settings, ({ otel }) =>
    otel.endpoint === undefined
      ? Layer.empty
      : Layer.scopedDiscard(
          Effect.forkScoped(
            Effect.repeat(Effect.zipRight(measure, measureGateways), Schedule.spaced("15 seconds"))
          )
        )
  )
)
