import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { makeHeartbeatScan } from "../../../layers/ews/HeartbeatScan.ts"
import { decodeSendNotification } from "../../../layers/ews/SendNotification.ts"
import { type CallbackStyle, heartbeat, mutated, styles, values } from "../../support/CallbackText.ts"
import { samples } from "../../support/EwsSamples.ts"

const plain: CallbackStyle = {
  prolog: '<?xml version="1.0" encoding="utf-8"?>',
  soap: "soap11",
  messages: "m",
  types: "t",
  gap: "",
  declaredOnTop: false,
  swapped: false,
  cdata: false,
  header: true
}

/** A scan that has seen this body, as the listener's would have. */
const afterReading = (body: Buffer) => {
  const scan = makeHeartbeatScan()
  const read = decodeSendNotification(body)
  if (Either.isRight(read)) scan.learn(body, read.right)
  return scan
}

/** The scan may be silent; if it speaks, it says what the reader says. */
const agrees = (scan: ReturnType<typeof makeHeartbeatScan>, body: Buffer) => {
  const scanned = scan.read(body)
  if (scanned === undefined) return false
  expect(Either.right(scanned)).toEqual(decodeSendNotification(body))
  return true
}

describe("HeartbeatScan", () => {
  it("knows the next heartbeat of a server that it has heard once, whatever its style", () => {
    fc.assert(
      fc.property(styles, values, values, (style, first, second) => {
        const next = { ...second }
        // Which watermarks a server sends does not change from one heartbeat to the next.
        if (first.previousWatermark === undefined) next.previousWatermark = undefined
        if (first.watermark === undefined) next.watermark = undefined
        fc.pre(next.previousWatermark !== undefined || first.previousWatermark === undefined)
        fc.pre(next.watermark !== undefined || first.watermark === undefined)
        // Values that also stand elsewhere in the text may be left to the reader.
        const frame = heartbeat(style, { subscriptionId: "", previousWatermark: "", watermark: "" })
        fc.pre(Object.values(first).every((value) => value === undefined || !frame.includes(value)))
        const scan = afterReading(Buffer.from(heartbeat(style, first)))
        expect(agrees(scan, Buffer.from(heartbeat(style, next)))).toBe(true)
      })
    )
  })

  it("never differs from the reader over documents in all styles", () => {
    fc.assert(
      fc.property(styles, values, styles, values, (style, first, other, second) => {
        const scan = afterReading(Buffer.from(heartbeat(style, first)))
        agrees(scan, Buffer.from(heartbeat(other, second)))
        agrees(scan, Buffer.from(heartbeat({ ...style, cdata: other.cdata, gap: other.gap }, second)))
      })
    )
  })

  it("never differs from the reader over mutated documents, learned or read", () => {
    fc.assert(
      fc.property(
        fc.tuple(styles, values, values).chain(([style, first, second]) => {
          const one = Buffer.from(heartbeat(style, first))
          const two = Buffer.from(heartbeat(style, second))
          return fc.tuple(fc.constant(one), mutated(one), mutated(one), mutated(two))
        }),
        ([body, ...wild]) => {
          const honest = afterReading(body)
          const misled = afterReading(wild[0])
          for (const one of [body, ...wild]) {
            agrees(honest, one)
            agrees(misled, one)
          }
        }
      ),
      { numRuns: 300 }
    )
  })

  it.runIf(samples.present)(
    `never differs from the reader over mutations of real callbacks${samples.orSkipped}`,
    () => {
      const real = samples.names(/sendnotification-/).map(samples.read)
      expect(real.length).toBeGreaterThan(2)
      const heard = real.filter((body) => agrees(afterReading(body), body))
      expect(heard.length).toBe(2)
      fc.assert(
        fc.property(
          fc.constantFrom(...real).chain((body) => fc.tuple(fc.constant(body), mutated(body), mutated(body))),
          ([body, first, second]) => {
            for (const learned of [body, first]) {
              const scan = afterReading(learned)
              for (const one of [body, first, second]) agrees(scan, one)
            }
          }
        ),
        { numRuns: 300 }
      )
    }
  )

  it("learns nothing from a value that also stands where it means nothing", () => {
    const text = heartbeat(plain, { subscriptionId: "AAAA", previousWatermark: "BBBB", watermark: "CCCC" })
    const decoy = Buffer.from(text.replace("<t:SubscriptionId>", "<!-- AAAA --><t:SubscriptionId>"))
    expect(afterReading(decoy).read(decoy)).toBeUndefined()
  })

  it("learns nothing from mails, and leaves values with characters of a meaning to the reader", () => {
    const body = heartbeat(plain, { subscriptionId: "AAAA", previousWatermark: "BBBB", watermark: "CCCC" })
    const mail = Buffer.from(body.replaceAll("StatusEvent", "NewMailEvent"))
    expect(afterReading(mail).read(mail)).toBeUndefined()
    const scan = afterReading(Buffer.from(body))
    expect(scan.read(Buffer.from(body.replace("AAAA", "A&amp;A")))).toBeUndefined()
    expect(scan.read(Buffer.from(body.replace("AAAA", "")))).toBeUndefined()
    expect(scan.read(Buffer.from(body))?.subscriptionId).toBe("AAAA")
  })

  it("remembers a bounded number of forms, the ones in use", () => {
    const scan = makeHeartbeatScan()
    const bodies = Array.from({ length: 9 }, (_, index) =>
      Buffer.from(
        heartbeat(
          { ...plain, messages: `m${index}` },
          { subscriptionId: "AAAA", previousWatermark: "BBBB", watermark: "CCCC" }
        )
      )
    )
    for (const body of bodies) {
      scan.learn(body, Either.getOrThrow(decodeSendNotification(body)))
      scan.read(bodies[0]!)
    }
    const known = bodies.map((body) => scan.read(body) !== undefined)
    expect(known).toEqual([true, false, true, true, true, true, true, true, true])
  })
})
