import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc, Tracer } from "effect"
import { recorder } from "../../../layers/telemetry/OtlpSpans.ts"
import { activityOf, type DoneSpan, traceIdOf } from "../../../layers/telemetry/Spans.ts"

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`))
const notZero = (text: string) => /[^0]/.test(text)

describe("a caller's trace", () => {
  it("is an activity's, and the activity's is that trace again", () => {
    fc.assert(
      fc.property(hex(32).filter(notZero), hex(16).filter(notZero), hex(2), (trace, caller, flags) => {
        const found = activityOf(`00-${trace}-${caller}-${flags}`)
        expect(found?.activityId).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
        expect(traceIdOf(found?.activityId ?? "")).toBe(trace)
        expect(found?.caller).toBe(caller)
      })
    )
  })

  it("is none if the header is not one of W3C Trace Context", () => {
    const [trace, caller] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"]
    for (const header of [
      undefined,
      "",
      "rubbish",
      `ff-${trace}-${caller}-01`,
      `00-${"0".repeat(32)}-${caller}-01`,
      `00-${trace}-${"0".repeat(16)}-01`,
      `00-${trace.toUpperCase()}-${caller}-01`,
      `00-${trace}-${caller}-01x`,
      `00-${trace}-${caller}-01\nactivity`
    ])
      expect(activityOf(header), header).toBeUndefined()
    expect(activityOf(`01-${trace}-${caller}-01-what-comes-later`)?.caller).toBe(caller)
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(activityOf(header)?.activityId ?? "").toMatch(/^(?:[0-9a-f-]{36})?$/)
      })
    )
  })
})

describe("traces", () => {
  const told = (share: number, spans: ReadonlyArray<DoneSpan>) => {
    const made: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      span: (name, parent, context, links, startTime, kind) => {
        const attributes = new Map<string, unknown>()
        const span = {
          _tag: "Span",
          name,
          parent,
          context,
          links,
          kind,
          attributes,
          sampled: true,
          traceId: parent._tag === "Some" ? parent.value.traceId : "other",
          spanId: "other",
          status: { _tag: "Started", startTime },
          end: () => {},
          event: () => {},
          addLinks: () => {},
          attribute: (key: string, value: unknown) => void attributes.set(key, value)
        } satisfies Tracer.Span
        made.push(span)
        return span
      },
      context: (work) => work()
    })
    const record = recorder(tracer, share)
    for (const span of spans) record(span)
    return made
  }
  const span = (activityId: string, isRoot: boolean): DoneSpan => ({
    name: "work",
    kind: "internal",
    activityId,
    isRoot,
    began: 0,
    ended: 1,
    attributes: {}
  })

  it("are whole, or not there: all spans of an activity share its fate", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.double({ min: 0, max: 1, noNaN: true }), (id, share) => {
        const made = told(share, [span(id, false), span(id, true), span(id, false)])
        expect([0, 3]).toContain(made.length)
        expect(new Set(made.map(({ traceId }) => traceId)).size).toBeLessThanOrEqual(1)
        const root = made[1]?.spanId
        for (const child of [made[0], made[2]])
          expect(child?.parent._tag === "Some" ? child.parent.value.spanId : undefined).toBe(root)
      })
    )
  })

  it("are none with a share of 0, and all with 1", () => {
    const ids = fc.sample(fc.uuid(), 100)
    expect(
      told(
        0,
        ids.map((id) => span(id, true))
      )
    ).toHaveLength(0)
    expect(
      told(
        1,
        ids.map((id) => span(id, true))
      )
    ).toHaveLength(100)
  })
})
