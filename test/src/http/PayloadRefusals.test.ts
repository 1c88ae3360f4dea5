import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, TestClock } from "effect"
import { type Report, Troubles } from "../../../layers/telemetry/Troubles.ts"
import { TenantNumber, type UserId } from "../../../schemas/Ids.ts"
import { PAYLOAD_CHECKS, PayloadRefusals, payloadRefusals } from "../../../src/http/PayloadRefusals.ts"
import { type Line, recordLog } from "../../support/DeviceApiFixture.ts"

const TENANT = TenantNumber.make(1)
const userOf = (n: number) => n.toString(16).padStart(64, "0") as UserId

const scene = (
  body: (scene: {
    readonly lines: ReadonlyArray<Line>
    readonly reports: ReadonlyArray<Report>
    readonly refuse: (times: number, userAt: (n: number) => number) => Effect.Effect<void>
  }) => Effect.Effect<void>
) => {
  const lines: Array<Line> = []
  const reports: Array<Report> = []
  const refusals = new PayloadRefusals()
  const board = Layer.succeed(Troubles, {
    report: (report: Report) => Effect.sync(() => void reports.push(report)),
    settle: () => Effect.void,
    current: Effect.succeed([])
  })
  const refuse = (times: number, userAt: (n: number) => number) =>
    Effect.forEach(
      Array.from({ length: times }, (_, n) => n),
      (n) => refusals.note(TENANT, userOf(userAt(n)), "key or content"),
      { discard: true }
    )
  return Effect.provide(body({ lines, refuse, reports }), Layer.merge(recordLog(lines), board))
}

describe("refused payloads", () => {
  it.effect("of one user are warned of once a minute from the twentieth on, without naming the user", () =>
    scene(
      Effect.fnUntraced(function* ({ lines, refuse, reports }) {
        yield* refuse(19, () => 1)
        yield* TestClock.adjust("1 minutes")
        yield* refuse(19, () => 1)
        expect(lines).toEqual([])
        yield* refuse(500, () => 1)
        expect(lines.map(({ annotations, level }) => [level, annotations["fault"]])).toEqual([
          ["WARN", "payload-refusals"]
        ])
        expect(lines[0]!.text).toContain("20 registration payloads of one user")
        expect(reports).toMatchObject([{ fault: "payload-refusals", where: "device API", told: true }])
        yield* TestClock.adjust("1 minutes")
        yield* refuse(20, () => 2)
        expect(lines).toHaveLength(2)
        expect(JSON.stringify([lines, reports])).not.toContain(userOf(1))
      })
    )
  )

  it.effect("of many users are warned of from the three hundredth on, however many users there are", () =>
    scene(
      Effect.fnUntraced(function* ({ lines, refuse }) {
        yield* refuse(299, (n) => n)
        expect(lines).toEqual([])
        yield* refuse(20_000, (n) => 1000 + n)
        expect(lines).toHaveLength(1)
        expect(lines[0]!.text).toContain("300 registration payloads could not be used within a minute")
      })
    )
  )

  it.effect("are counted by the check that failed, from a bounded set", () =>
    Effect.gen(function* () {
      const count = payloadRefusals.issuedAt.unsafeValue([]).count
      yield* new PayloadRefusals().note(TENANT, userOf(1), "issuedAt")
      expect(payloadRefusals.issuedAt.unsafeValue([]).count).toBe(Number(count) + 1)
      expect(Object.keys(payloadRefusals)).toEqual(Object.keys(PAYLOAD_CHECKS))
      expect(new Set(Object.values(PAYLOAD_CHECKS)).size).toBe(Object.keys(PAYLOAD_CHECKS).length)
    })
  )
})
