import { describe, expect, it } from "@effect/vitest"
import { Cause, Exit, FastCheck as fc } from "effect"
import type { WatchedCall } from "../../../layers/ews/CallWatch.ts"
import { FigureBook, HOSTS_MAX, SILENT_CALLS } from "../../../layers/ews/HostFigures.ts"
import { LogHistogram } from "../../../layers/ews/LogHistogram.ts"
import { partsOf } from "../../../layers/ews/UrlParts.ts"
import { EwsTimeout, EwsUnauthorized, EwsUnreachable } from "../../../schemas/EwsError.ts"

const MINUTE = 60_000
const call = (host: string, operation = "GetItem", anonymous = false) =>
  ({ url: partsOf(`https://${host}/EWS/Exchange.asmx`)!, operation, anonymous }) as WatchedCall
const site = { operation: "GetItem", host: "a.example.com" }
const answer = (status = 200) => Exit.succeed({ status, headers: {}, body: new Uint8Array() })

/** One call from `at` on that took so long. */
const make = (
  book: FigureBook,
  made: WatchedCall,
  outcome: Parameters<Extract<ReturnType<FigureBook["admit"]>, Function>>[0],
  at: number,
  took = 100
) => {
  const watching = book.admit(made, at)
  if (typeof watching !== "function") throw new Error("refused")
  expect(watching(outcome, at + took, () => {})).toBe(outcome)
}

describe("Figures of Exchange hosts", () => {
  it("tell calls, errors by kind, median and the last error", () => {
    const book = new FigureBook(() => 77)
    for (let n = 0; n < 99; n += 1) make(book, call("a.example.com"), answer(), n, 100)
    make(book, call("a.example.com"), Exit.fail(new EwsUnauthorized({ ...site, offered: [] })), 200, 3_000)
    make(book, call("a.example.com"), answer(403), 300, 3_000)
    make(book, call("b.example.com"), answer(503), 300)
    const [first, second] = book.current(MINUTE)
    expect(first).toMatchObject({
      host: "a.example.com",
      up: true,
      calls: 101,
      errors: { EwsUnauthorized: 1, EwsForbidden: 1 },
      lastError: "HTTP 403 to GetItem",
      lastErrorAt: 77
    })
    expect(first!.median).toBeGreaterThanOrEqual(100)
    expect(first!.median).toBeLessThan(125)
    expect(second).toMatchObject({ host: "b.example.com", calls: 1, errors: { EwsBusy: 1 } })
  })

  it("count what Exchange refuses in SOAP by what it means, whatever the status", () => {
    const book = new FigureBook(() => 0)
    const soap = (inner: string, status = 200) =>
      Exit.succeed({
        status,
        headers: {},
        body: Buffer.from(`<s:Envelope><s:Body>${inner}</s:Body></s:Envelope>`)
      })
    const message = (code: string, result = "Error") =>
      soap(
        `<m:M ResponseClass="${result}"><m:MessageText>of <anna@example.com></m:MessageText><m:ResponseCode>${code}</m:ResponseCode></m:M>`
      )
    make(book, call("a.example.com"), message("NoError", "Success"), 0)
    make(book, call("a.example.com"), message("ErrorItemNotFound"), 0)
    make(book, call("a.example.com", "Subscribe"), message("ErrorServerBusy"), 0)
    make(book, call("a.example.com", "Subscribe"), message("ErrorNonExistentMailbox"), 0)
    const fault = soap(
      "<s:Fault><e:ResponseCode xmlns:e='x'>ErrorInternalServerError</e:ResponseCode></s:Fault>",
      500
    )
    make(book, call("a.example.com"), fault, 0)
    make(book, call("a.example.com"), soap("<html>", 500), 0)
    make(book, call("a.example.com"), soap('ResponseClass="Error" and no more'), 0)
    const [figure] = book.current(0)
    expect(figure).toMatchObject({ calls: 7, up: true, errors: { EwsBusy: 2, EwsRefused: 2 } })
    expect(JSON.stringify(figure)).not.toContain("anna")
  })

  it("count no usual answer to a search as an error, and no call that was never really made", () => {
    const book = new FigureBook(() => 0)
    make(book, call("a.example.com", "Autodiscover (POX)"), answer(404), 0)
    make(book, call("a.example.com", "GetItem", true), answer(401), 0)
    make(
      book,
      call("a.example.com"),
      Exit.fail(new EwsUnauthorized({ ...site, offered: [], spent: true })),
      0
    )
    make(book, call("a.example.com"), Exit.failCause(Cause.empty), 0, 10)
    expect(book.current(0)).toMatchObject([{ calls: 2, errors: {} }])
  })

  it("show a host as down after some calls without any answer, until it answers, whatever it says", () => {
    const book = new FigureBook(() => 0)
    const gone = Exit.fail(new EwsUnreachable({ ...site, reason: "ECONNREFUSED", sent: false }))
    const late = Exit.fail(new EwsTimeout({ ...site, milliseconds: 5_000 }))
    for (let n = 0; n < SILENT_CALLS; n += 1) {
      expect(book.current(0)[0]?.up ?? true).toBe(true)
      make(book, call("a.example.com"), n === 0 ? late : gone, 0)
    }
    expect(book.current(0)).toMatchObject([{ up: false, median: undefined }])
    make(book, call("a.example.com"), answer(500), 0)
    expect(book.current(0)[0]!.up).toBe(true)
  })

  it("forget what was more than an hour ago", () => {
    const book = new FigureBook(() => 0)
    make(book, call("a.example.com"), answer(403), 0)
    make(book, call("a.example.com"), answer(), 30 * MINUTE)
    expect(book.current(54 * MINUTE)).toMatchObject([{ calls: 2, errors: { EwsForbidden: 1 } }])
    expect(book.current(61 * MINUTE)).toMatchObject([{ calls: 1, errors: {} }])
    make(book, call("a.example.com"), answer(), 65 * MINUTE)
    expect(book.current(95 * MINUTE)).toMatchObject([{ calls: 1 }])
  })

  it("are kept of so many hosts, those asked last", () => {
    const book = new FigureBook(() => 0)
    for (let n = 0; n < HOSTS_MAX; n += 1) make(book, call(`h${n}.example.com`), answer(), 0)
    make(book, call("h0.example.com"), answer(), 1)
    make(book, call("new.example.com"), answer(), 2)
    const hosts = book.current(2).map(({ host }) => host)
    expect(hosts).toHaveLength(HOSTS_MAX)
    expect(hosts).toContain("h0.example.com")
    expect(hosts).toContain("new.example.com")
    expect(hosts).not.toContain("h1.example.com")
  })
})

describe("A histogram in steps", () => {
  it("gives quantiles that are right to a fifth, also of merged halves", () => {
    const times = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(times, fc.constantFrom(0.5, 0.95, 1), (all, share) => {
        const [one, other] = [new LogHistogram(), new LogHistogram()]
        for (const [n, time] of all.entries()) (n % 2 === 0 ? one : other).add(time)
        one.addAll(other)
        const exact = all.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(share * all.length)) - 1]!
        const got = one.quantile(share)!
        expect(got).toBeGreaterThanOrEqual(exact - 1)
        expect(got).toBeLessThanOrEqual(exact * 1.19 + 1)
      })
    )
    expect(new LogHistogram().quantile(0.5)).toBeUndefined()
  })
})
