import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePorts } from "../../src/demo/FreePorts.ts"
import { call } from "../../src/sandbox/JsonClient.ts"
import * as CollectorStub from "../support/CollectorStub.ts"
import { startProcess } from "../support/ServiceProcess.ts"
import { ALICE, eventually, rehearse, within } from "./Rehearsal.ts"

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

describe("a collector", () => {
  it.scopedLive("gets the trace, the logs and the metrics of a mail, and nothing of its content", () =>
    Effect.gen(function* () {
      const collector = yield* CollectorStub.make
      const all = yield* rehearse({
        settings: {
          OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
          OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20for-the-collector",
          OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test"
        }
      })
      const { about, apiToken, cns, exchange, installation, mail, phone } = all
      const service = yield* startProcess(installation)
      const iphone = yield* phone("iOS")
      expect((yield* iphone.register()).responseCode).toBe(7)
      const before = exchange.requests().length
      const item = yield* mail("Subject-for-nobody-else")
      yield* within(
        cns.until(() => about(iphone, item).length === 1),
        "the notification"
      )
      yield* Effect.promise(() =>
        call(`${installation.baseUrl}/getpublickey`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            ensapitoken: apiToken,
            traceparent: `00-${TRACE}-00f067aa0ba902b7-01`
          },
          body: JSON.stringify({ userId: iphone.userId }),
          timeout: 10_000
        })
      )
      yield* service.signal("SIGTERM")
      expect(yield* within(service.ended, "the end", 15)).toBe(0)

      const traceId = exchange.requests()[before]?.headers["client-request-id"]?.replaceAll("-", "")
      const spans = collector.spans().filter((span) => span.traceId === traceId)
      const root = spans.find(({ name }) => name === "callback")
      expect(spans.map(({ name }) => name)).toEqual(
        expect.arrayContaining(["callback", "fetch", "EWS GetItem", "announce"])
      )
      for (const span of spans) if (span !== root) expect(span.parentSpanId).toBe(root?.spanId)
      expect(collector.spans().map(({ name }) => name)).toEqual(
        expect.arrayContaining(["push cns", "POST registerdevicev2", "EWS Subscribe"])
      )
      expect(collector.spans().filter((span) => span.traceId === TRACE)).toContainEqual(
        expect.objectContaining({
          name: "POST getpublickey",
          parentSpanId: "00f067aa0ba902b7"
        })
      )
      expect(collector.resource()).toEqual(
        expect.arrayContaining([
          { key: "service.name", value: { stringValue: "ens" } },
          { key: "deployment.environment", value: { stringValue: "test" } }
        ])
      )
      const logs = collector.logs().filter((log) => log.traceId === traceId)
      expect(logs.map(({ body }) => body.stringValue)).toContainEqual(
        expect.stringContaining("Received [CreatedEvent]")
      )
      expect(logs[0]?.attributes).toContainEqual({
        key: "user.hash",
        value: { stringValue: iphone.userId }
      })
      expect(collector.metrics()).toEqual(
        expect.arrayContaining(["ens_callbacks_total", "ens_push_request_seconds"])
      )
      expect(collector.requests.map(({ headers }) => headers.authorization)).toEqual(
        collector.requests.map(() => "Bearer for-the-collector")
      )
      const sent = collector.requests.map(({ body }) => body).join("\n")
      for (const secret of [
        ALICE.address,
        ALICE.password,
        apiToken,
        iphone.token(),
        item,
        "Subject-for",
        "bob@"
      ])
        expect(sent).not.toContain(secret)
      expect(installation.log()).not.toContain("for-the-collector")
    })
  )
})

const rest = Effect.gen(function* () {
  const collector = yield* CollectorStub.make
  const [closed = 0] = yield* freePorts(1)
  return { collector, closed: `http://127.0.0.1:${closed}` }
})

describe("a collector that", () => {
  it.scopedLive.each(["down", "silence", "rubbish", "429"] as const)(
    "is no use (%s) costs one warning, and neither a mail nor time at the end",
    (kind) =>
      Effect.gen(function* () {
        const { closed, collector } = yield* rest
        collector.behaviour =
          kind === "429" ? { status: 429, retryAfter: "86400" } : kind === "down" ? "take" : kind
        const { about, cns, installation, mail, phone } = yield* rehearse({
          settings: { OTEL_EXPORTER_OTLP_ENDPOINT: kind === "down" ? closed : collector.url }
        })
        const service = yield* startProcess(installation)
        const iphone = yield* phone("iOS")
        expect((yield* iphone.register()).responseCode).toBe(7)
        const item = yield* mail("One")
        yield* within(
          cns.until(() => about(iphone, item).length === 1),
          "the notification"
        )
        const warnings = () =>
          installation
            .logLines()
            .filter(
              ({ level, message }) => level === "warning" && message.includes("OpenTelemetry collector")
            )
        yield* eventually(() => warnings().length > 0, "the warning", 20)
        yield* service.signal("SIGTERM")
        expect(yield* within(service.ended, "the end", 15)).toBe(0)
        expect(service.output()).not.toContain("not everything came to its end in time")
        expect(warnings()).toHaveLength(1)
      })
  )
})
