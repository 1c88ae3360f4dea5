import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, TestClock } from "effect"
import * as OtlpClient from "../../../layers/telemetry/OtlpClient.ts"
import * as CollectorStub from "../../support/CollectorStub.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"

describe("the way to a collector", () => {
  it.scoped("lets four requests wait, refuses more at once, and warns once an hour", () =>
    Effect.gen(function* () {
      const collector = yield* CollectorStub.make
      collector.behaviour = "silence"
      const lines: Array<LogRecorder.LogLine> = []
      yield* Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        const send = Effect.exit(
          client.execute(
            HttpClientRequest.bodyUnsafeJson(HttpClientRequest.post(`${collector.url}/v1/logs`), {})
          )
        )
        const waiting = yield* Effect.forEach([1, 2, 3, 4], () => Effect.fork(send))
        yield* Effect.promise(() => until(() => collector.requests.length === 4))
        expect(Exit.isFailure(yield* send)).toBe(true)
        expect(collector.requests).toHaveLength(4)
        yield* TestClock.adjust("5 seconds")
        for (const fiber of waiting) expect(Exit.isFailure(yield* Fiber.join(fiber))).toBe(true)
        expect(lines.filter(({ level }) => level === "WARN")).toHaveLength(1)

        collector.behaviour = { status: 503 }
        yield* TestClock.adjust(Duration.minutes(59))
        yield* send
        expect(lines.filter(({ level }) => level === "WARN")).toHaveLength(1)
        yield* TestClock.adjust(Duration.minutes(1))
        yield* send
        expect(lines.filter(({ level }) => level === "WARN")).toHaveLength(2)
        expect(lines.at(-1)?.text).toContain("HTTP 503")

        collector.behaviour = "take"
        expect(Exit.isSuccess(yield* send)).toBe(true)
        yield* send
        expect(lines.filter(({ level }) => level === "INFO")).toHaveLength(1)
      }).pipe(Effect.provide(OtlpClient.layer(collector.url)), Effect.provide(LogRecorder.layer(lines)))
    })
  )
})

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}
