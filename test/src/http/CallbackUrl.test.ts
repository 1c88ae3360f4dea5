import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { makeIsCallback, parseCallbackQuery } from "../../../src/http/CallbackUrl.ts"

const BASES = ["/api/ens", "/MailNotificationService/api/ens"]

describe("callback path", () => {
  const isCallback = makeIsCallback(BASES)

  it.each([
    "/api/ens/pushnotificationlistener?id=1",
    "/api/ens/pushnotificationlistener",
    "/MailNotificationService/api/ens/PushNotificationListener?id=1",
    "/MAILNOTIFICATIONSERVICE/API/ENS/PUSHNOTIFICATIONLISTENER",
    "/api/ens/pushnotificationlistener/?id=1",
    "//api//ens/pushnotificationlistener",
    "http://ens.example.com/api/ens/pushnotificationlistener?id=1"
  ])("is %s", (target) => expect(isCallback(target)).toBe(true))

  it.each([
    "/api/ens/pushnotificationlistener2",
    "/api/ens/alive?x=/api/ens/pushnotificationlistener",
    "/pushnotificationlistener",
    "/other/api/ens/pushnotificationlistener",
    "",
    "*"
  ])("is not %s", (target) => expect(isCallback(target)).toBe(false))
})

describe("callback query", () => {
  it("keeps f and s as they are, whatever their order", () => {
    expect(parseCallbackQuery("/x?s=aB_c-&id=7&f=Zz-_")).toEqual({ id: "7", f: "Zz-_", s: "aB_c-" })
  })

  it("takes the first of a parameter given twice, and leaves others alone", () => {
    expect(parseCallbackQuery("/x?id=1&f=a&f=b&s=c&s=&t=1&id=2")).toEqual({ id: "1", f: "a", s: "c" })
  })

  it("undoes the escapes of a proxy", () => {
    expect(parseCallbackQuery("/x?id=1&f=%41%2D&s=c%3D")).toEqual({ id: "1", f: "A-", s: "c=" })
  })

  it.each([
    "/x",
    "/x?",
    "/x?id=1&f=a",
    "/x?id&f&s",
    "/x?id=1&f=%ZZ&s=c",
    `/x?id=1&f=${"a".repeat(5000)}&s=c`
  ])("is undefined for %s", (target) => expect(parseCallbackQuery(target)).toBeUndefined())

  it("agrees with URLSearchParams on whatever could be a query", () => {
    const value = fc.string({ unit: fc.constantFrom(..."aZ09-_.~=%&", "%41", "id=", "&s="), maxLength: 30 })
    fc.assert(
      fc.property(value, value, value, value, (id, f, s, rest) => {
        const target = `/x?id=${id}&f=${f}&${rest}&s=${s}`
        const ours = parseCallbackQuery(target)
        if (ours === undefined) return
        const theirs = new URLSearchParams(target.slice(3))
        expect(ours).toEqual({ id: theirs.get("id"), f: theirs.get("f"), s: theirs.get("s") })
      })
    )
  })
})
