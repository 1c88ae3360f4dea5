import { Cause } from "effect"
import { host, version } from "./Identity.ts"
import { bounded, causeText, type Line, readable } from "./LogLine.ts"

/**
 * One JSON object in the names of the Elastic Common Schema 8.17 (elastic.co, "ECS Field Reference"), dotted and flat,
 * which every SIEM takes as it stands. What has no name there is below `labels.`; so an annotation never passes for a
 * field of the schema.
 */
export const ecsLine = (line: Line): string => {
  const json = JSON.stringify(ecsFields(line))
  return BEYOND_JSON.test(json) ? json.replace(ALL_BEYOND_JSON, escaped) : json
}

/** JSON may hold them as they are; but they end lines for some readers, and steer terminals. */
const BEYOND_JSON = /[\u007f-\u009f\u2028\u2029]/
const ALL_BEYOND_JSON = new RegExp(BEYOND_JSON, "g")
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

/** The same, not yet as text. */
export const ecsFields = (line: Line) => ({
  "@timestamp": line.at.toISOString(),
  "log.level": line.level === "WARN" ? "warning" : line.level.toLowerCase(),
  "log.logger": line.logger,
  message: line.message,
  "ecs.version": "8.17.0",
  "service.name": "ens",
  "service.version": version,
  "service.node.name": host,
  "host.name": host,
  "process.pid": process.pid,
  "http.request.id": given(line.activityId),
  "user.hash": given(line.userId),
  ...(line.logger === "Audit" ? auditFields(line) : { "event.dataset": "ens.log" }),
  ...errorFields(line),
  ...labels(line.logger === "Audit" ? withoutAuditFields(line.others) : line.others)
})

const given = (text: string) => (text === "" ? undefined : text)

const auditFields = ({ others: { action, actor, outcome } }: Line) => ({
  "event.dataset": "ens.audit",
  "event.kind": "event",
  "event.category": ["configuration"],
  "event.type": [outcome === "success" ? "change" : "info"],
  "event.action": action,
  "event.outcome": outcome,
  "user.name": actor
})

const withoutAuditFields = ({ action, actor, outcome, ...others }: Line["others"]) => others

const errorFields = (line: Line) => {
  const { cause, errors } = line
  const none = Cause.isEmpty(cause)
  if (none && errors.length === 0) return {}
  const named = readable(() => {
    const [pretty] = none ? [] : Cause.prettyErrors(cause)
    const error = pretty ?? errors[0]
    return {
      "error.type": bounded(`${error?.name ?? "Interrupted"}`),
      "error.message": bounded(`${error?.message ?? "interrupted"}`)
    }
  }, {})
  return { ...named, ...(none ? {} : { "error.stack_trace": causeText(line) }) }
}

/** A dot would make an object of a label. */
const labels = (others: Line["others"]) =>
  Object.fromEntries(
    Object.entries(others).map(([key, value]) => [`labels.${key.replaceAll(".", "_")}`, value])
  )
