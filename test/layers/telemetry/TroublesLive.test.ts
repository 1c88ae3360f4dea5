import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, TestClock } from "effect"
import { reportTrouble, settleTrouble, Troubles } from "../../../layers/telemetry/Troubles.ts"
import * as TroublesLive from "../../../layers/telemetry/TroublesLive.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"

const pinned = { fault: "pin-mismatch", where: "mail.example.com", what: "another key" } as const

describe("troubles of a running service", () => {
  it.effect("are told when they begin, once an hour, and when they are over", () => {
    const lines: Array<LogRecorder.LogLine> = []
    return Effect.gen(function* () {
      yield* reportTrouble(pinned)
      yield* reportTrouble(pinned)
      yield* TestClock.adjust("61 minutes")
      yield* settleTrouble("pin-mismatch", "elsewhere")
      yield* reportTrouble(pinned)
      yield* reportTrouble(pinned)
      yield* TestClock.adjust("30 minutes")
      expect(yield* (yield* Troubles).current).toMatchObject([{ ...pinned, count: 2 }])
      yield* settleTrouble("pin-mismatch", "mail.example.com")
      yield* settleTrouble("pin-mismatch", "mail.example.com")
      expect(yield* (yield* Troubles).current).toEqual([])
      expect(lines.map(({ level }) => level)).toEqual(["WARN", "WARN", "INFO"])
      expect(lines[0]?.text).toContain(
        "the server's certificate is not the pinned one at mail.example.com: another key; if the change is intended"
      )
      for (const { text } of lines) expect(text).toContain("pin-mismatch")
    }).pipe(Effect.provide(Layer.merge(TroublesLive.layer, LogRecorder.layer(lines))))
  })

  it.effect("are reported to nobody where the layer is missing", () =>
    Effect.gen(function* () {
      yield* reportTrouble(pinned)
      yield* settleTrouble("pin-mismatch", "mail.example.com")
      expect(yield* (yield* Troubles).current).toEqual([])
    })
  )
})
