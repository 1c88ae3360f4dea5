import { Effect, Layer } from "effect"
import type { Settings } from "../../schemas/Settings.ts"
import type { EwsSetupError } from "../ews/EwsSetupError.ts"
import type { HttpSessions } from "../ews/HttpSessions.ts"
import * as HttpSessionsLive from "../ews/HttpSessionsLive.ts"
import { mayAct, Ownership } from "./Ownership.ts"

/**
 * HTTP to Exchange that looks at the clock right before a Subscribe leaves: one that waited for its place at the host in a
 * process that stood still, or that lost its database meanwhile, is not sent. It fails with `EwsBusy`.
 */
export const layer: Layer.Layer<HttpSessions, EwsSetupError, Settings | Ownership> = Layer.unwrapEffect(
  Effect.map(Ownership, (ownership) =>
    HttpSessionsLive.layerWith({
      maySend: (operation) => operation !== "Subscribe" || mayAct(ownership)
    })
  )
)
