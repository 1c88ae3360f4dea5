import * as OtlpLogger from "@effect/opentelemetry/OtlpLogger"
import * as OtlpMetrics from "@effect/opentelemetry/OtlpMetrics"
import * as OtlpSerialization from "@effect/opentelemetry/OtlpSerialization"
import * as OtlpTracer from "@effect/opentelemetry/OtlpTracer"
import {
  ConfigProvider,
  Context,
  Duration,
  Effect,
  FiberId,
  FiberRef,
  FiberRefs,
  HashMap,
  Layer,
  Logger,
  Redacted,
  Tracer
} from "effect"
import type { OtelSettings } from "../../schemas/Settings.ts"
import { ecsFields } from "./EcsLine.ts"
import { host, version } from "./Identity.ts"
import { lineLogger } from "./LogLine.ts"
import * as OtlpClient from "./OtlpClient.ts"
import { recorder } from "./OtlpSpans.ts"
import { Spans, traceIdOf } from "./Spans.ts"

/** The exporters; whatever they hold when they close gets this long to leave (each of three). */
const LAST_WORDS = Duration.millis(600)

/** To the collector at `endpoint`, with bounded memory and time. */
export const layerTo = (settings: OtelSettings & { readonly endpoint: string }): Layer.Layer<never> => {
  const common = {
    resource: {
      serviceName: settings.serviceName,
      serviceVersion: version,
      attributes: { "host.name": host, "process.pid": process.pid, ...settings.resourceAttributes }
    },
    headers: headersOf(settings.headers),
    shutdownTimeout: LAST_WORDS
  }
  const to = (path: string) => `${settings.endpoint.replace(/\/+$/, "")}/v1/${path}`
  const logs = OtlpLogger.make({ ...common, url: to("logs"), exportInterval: "2 seconds" })
  const traces = OtlpTracer.make({ ...common, url: to("traces") })
  const metrics = OtlpMetrics.make({ ...common, url: to("metrics"), exportInterval: "15 seconds" })
  return Layer.mergeAll(
    Logger.addScoped(Effect.map(logs, named)),
    Layer.scopedDiscard(metrics),
    Layer.scoped(
      Spans,
      Effect.map(traces, (tracer) => ({ record: recorder(tracer, settings.sampled) }))
    )
  ).pipe(
    Layer.provide(OtlpSerialization.layerJson),
    Layer.provide(OtlpClient.layer(settings.endpoint)),
    // The exporters would read the environment themselves, past our settings.
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map())))
  )
}

const headersOf = (headers: OtelSettings["headers"]): Record<string, string> =>
  headers === undefined
    ? {}
    : Object.fromEntries(
        Redacted.value(headers)
          .split(",")
          .map((part) => {
            const end = part.indexOf("=")
            return [part.slice(0, end).trim(), decodeURIComponent(part.slice(end + 1).trim())]
          })
      )

/** The same names as in the JSON lines, and the trace that the activity is. */
const named = (logger: Logger.Logger<unknown, void>): Logger.Logger<unknown, void> =>
  Logger.make((options) => {
    const line = lineLogger.log(options)
    const { "@timestamp": _, message, ...fields } = ecsFields(line)
    const known = Object.entries(fields).filter(
      ([name, value]) => value !== undefined && !OF_RESOURCE.has(name)
    )
    logger.log({
      ...options,
      message,
      annotations: HashMap.fromIterable(known),
      context: line.activityId === "" ? options.context : inTrace(traceIdOf(line.activityId))
    })
  })

/** What the collector is told once for all lines. */
const OF_RESOURCE: ReadonlySet<string> = new Set([
  "log.level",
  "ecs.version",
  "service.name",
  "service.version",
  "service.node.name",
  "host.name",
  "process.pid"
])

const inTrace = (traceId: string): FiberRefs.FiberRefs => {
  const span = Tracer.externalSpan({ traceId, spanId: traceId.slice(0, 16) })
  const context = Context.make(Tracer.ParentSpan, span)
  return FiberRefs.unsafeMake(new Map([[FiberRef.currentContext, [[FiberId.none, context]]]]))
}
