import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, type Scope } from "effect"

export interface SpanSeen {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly status: { readonly code: number }
  readonly attributes: ReadonlyArray<Attribute>
}
export interface LogSeen {
  readonly traceId?: string
  readonly severityText: string
  readonly body: { readonly stringValue: string }
  readonly attributes: ReadonlyArray<Attribute>
}
export interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string }
}

/** An OpenTelemetry collector that decodes what it gets (OTLP/HTTP with JSON), or behaves as it is told. */
export interface CollectorStub {
  readonly url: string
  /** What is done instead of taking a request. */
  behaviour: "take" | "silence" | "rubbish" | { readonly status: number; readonly retryAfter?: string }
  readonly requests: Array<{
    readonly path: string
    readonly headers: IncomingHttpHeaders
    readonly body: string
  }>
  readonly spans: () => ReadonlyArray<SpanSeen>
  readonly logs: () => ReadonlyArray<LogSeen>
  readonly metrics: () => ReadonlyArray<string>
  readonly resource: () => ReadonlyArray<Attribute>
}

export const make: Effect.Effect<CollectorStub, never, Scope.Scope> = Effect.gen(function* () {
  const requests: CollectorStub["requests"] = []
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk) => chunks.push(chunk))
    request.on("end", () => {
      requests.push({
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString("utf8")
      })
      const { behaviour } = stub
      if (behaviour === "silence") return
      if (behaviour === "rubbish") {
        response.socket?.end("HTTP/9.9 rubbish\r\n\r\n\0\0")
        return
      }
      if (behaviour === "take") return response.end("{}")
      const { retryAfter, status } = behaviour
      response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": retryAfter })
      return response.end("no")
    })
  })
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  const of = (path: string): ReadonlyArray<Request> =>
    requests.filter((one) => one.path === path).map(({ body }) => JSON.parse(body))
  const stub: CollectorStub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    behaviour: "take",
    requests,
    spans: () =>
      of("/v1/traces").flatMap(({ resourceSpans = [] }) =>
        resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
      ),
    logs: () =>
      of("/v1/logs").flatMap(({ resourceLogs = [] }) =>
        resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
      ),
    metrics: () =>
      of("/v1/metrics").flatMap(({ resourceMetrics = [] }) =>
        resourceMetrics.flatMap(({ scopeMetrics }) =>
          scopeMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => name))
        )
      ),
    resource: () =>
      of("/v1/traces").flatMap(({ resourceSpans = [] }) =>
        resourceSpans.flatMap(({ resource }) => resource.attributes)
      )
  }
  return stub
})

interface Request {
  readonly resourceSpans?: ReadonlyArray<{
    readonly resource: { readonly attributes: ReadonlyArray<Attribute> }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<SpanSeen> }>
  }>
  readonly resourceLogs?: ReadonlyArray<{
    readonly scopeLogs: ReadonlyArray<{ readonly logRecords: ReadonlyArray<LogSeen> }>
  }>
  readonly resourceMetrics?: ReadonlyArray<{
    readonly scopeMetrics: ReadonlyArray<{ readonly metrics: ReadonlyArray<{ readonly name: string }> }>
  }>
}
