import { Clock, Context, Effect, Layer } from "effect"
import { Settings } from "../../schemas/Settings.ts"
import { type AuditRecord, Storage } from "../storage/Storage.ts"
import * as AuditFile from "./AuditFile.ts"

/**
 * Who did what to the service. `record` never fails: what cannot be stored is in the log and in `ENS_AUDIT_FILE` all the
 * same, and the other way round.
 */
export class Audit extends Context.Tag("ens/Audit")<
  Audit,
  { readonly record: (what: Omit<AuditRecord, "at">) => Effect.Effect<void> }
>() {}

/** To storage, to `ENS_AUDIT_FILE` if it is set, and to the log under the logger `Audit`. */
export const layer: Layer.Layer<Audit, never, Storage | Settings> = Layer.effect(
  Audit,
  Effect.flatMap(Storage, (storage) => make(storage))
)

/** The same where storage cannot be had, or is not opened: to the file and to the log. */
export const layerWithoutStorage: Layer.Layer<Audit, never, Settings> = Layer.effect(
  Audit,
  Effect.suspend(() => make(undefined))
)

const make = Effect.fnUntraced(function* (storage: Pick<Storage["Type"], "addAudit"> | undefined) {
  const { auditFile } = yield* Settings
  const write = auditFile === undefined ? () => Effect.void : AuditFile.appendTo(auditFile)
  const store = (record: AuditRecord) =>
    storage === undefined
      ? Effect.void
      : Effect.catchAll(storage.addAudit(record), (error) =>
          Effect.logWarning(`an audit event is not stored. ${error.message}`)
        )
  return {
    record: (what) =>
      Effect.gen(function* () {
        const record = { ...what, at: yield* Clock.currentTimeMillis }
        const { action, actor, outcome, target } = what
        yield* Effect.logInfo(AuditFile.messageOf(record), { actor, action, target, outcome }).pipe(
          Effect.annotateLogs({ logger: "Audit" })
        )
        yield* write(record)
        yield* store(record)
      })
  } satisfies Audit["Type"]
})
