import { Clock, Context, Effect, Layer } from "effect"
import { type AuditRecord, Storage } from "../storage/Storage.ts"

/**
 * Who did what to the service. `record` never fails: what cannot be stored is in the log and in `ENS_AUDIT_FILE` all the
 * same.
 */
export class Audit extends Context.Tag("ens/Audit")<
  Audit,
  { readonly record: (what: Omit<AuditRecord, "at">) => Effect.Effect<void> }
>() {}

/** To storage, and to the log under the logger `Audit`. */
export const layer: Layer.Layer<Audit, never, Storage> = Layer.effect(
  Audit,
  Effect.map(Storage, (storage) => ({
    record: (what) =>
      Effect.gen(function* () {
        const at = yield* Clock.currentTimeMillis
        yield* Effect.logInfo(`${what.actor} ${what.action} ${what.target}: ${what.outcome}`, {
          ...what
        }).pipe(Effect.annotateLogs({ logger: "Audit" }))
        yield* storage
          .addAudit({ ...what, at })
          .pipe(
            Effect.catchAll((error) => Effect.logWarning(`an audit event is not stored. ${error.message}`))
          )
      })
  }))
)
