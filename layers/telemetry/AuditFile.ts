import { appendFileSync, mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { Effect } from "effect"
import type { AuditRecord } from "../storage/Storage.ts"

/**
 * Appends audit records to this file, one JSON line each, named as the Elastic Common Schema does. The file is made with
 * mode 0640, its directory if missing, and opened for each record: it may be moved away at any time. Not flushed to the
 * disk: storage has the record, too. What cannot be written is lost, with one warning per outage.
 */
export const appendTo = (file: string) => {
  let failing = false
  return (record: AuditRecord): Effect.Effect<void> =>
    Effect.try({
      try: () => {
        mkdirSync(dirname(file), { recursive: true })
        appendFileSync(file, `${JSON.stringify(fieldsOf(record))}\n`, { mode: 0o640 })
        failing = false
      },
      catch: (cause) => (cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error")
    }).pipe(
      Effect.catchAll((code) => {
        if (failing) return Effect.void
        failing = true
        return Effect.logWarning(
          `ENS_AUDIT_FILE: ${file} cannot be written (${code}); audit events are missing there until path and rights are corrected`
        )
      })
    )
}

/** `cli:root@mail1 token.create admin-3: success` */
export const messageOf = ({ action, actor, outcome, target }: Omit<AuditRecord, "at">): string =>
  `${[actor, action, target].filter((part) => part !== "").join(" ")}: ${outcome}`

/**
 * A record in names of the Elastic Common Schema 8.
 * https://www.elastic.co/guide/en/ecs/8.17/ecs-event.html
 */
export const fieldsOf = (record: AuditRecord): Readonly<Record<string, unknown>> => ({
  "@timestamp": new Date(record.at).toISOString(),
  "log.level": "info",
  "log.logger": "Audit",
  message: messageOf(record),
  "ecs.version": "8.17.0",
  "event.kind": "event",
  "event.dataset": "ens.audit",
  "event.category": ["configuration"],
  "event.type": [record.outcome === "success" ? "change" : "info"],
  "event.action": record.action,
  "event.outcome": record.outcome,
  "user.name": record.actor,
  "service.name": "ens",
  ...(record.target === "" ? {} : { "labels.target": record.target })
})
