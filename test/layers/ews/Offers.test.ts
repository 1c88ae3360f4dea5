import { describe, expect, it } from "@effect/vitest"
import { OFFER_AGE, OFFERS_MAX, Offers, placeOf } from "../../../layers/ews/Offers.ts"

describe("Offers", () => {
  it("remembers what a place offers for an hour", () => {
    const offers = new Offers()
    offers.learn("a", ["Basic"], 1000)
    expect(offers.of("a", 999 + OFFER_AGE)).toEqual(["Basic"])
    expect(offers.of("a", 1000 + OFFER_AGE)).toBeUndefined()
    expect(offers.of("b", 1000)).toBeUndefined()
  })

  it("believes the last answer, and takes one that offers nothing for forgetting", () => {
    const offers = new Offers()
    offers.learn("a", ["Basic"], 0)
    offers.learn("a", ["NTLM"], 1)
    expect(offers.of("a", 2)).toEqual(["NTLM"])
    offers.learn("a", [], 2)
    expect(offers.of("a", 2)).toBeUndefined()
    offers.learn("a", ["NTLM"], 2)
    offers.forget("a")
    expect(offers.of("a", 2)).toBeUndefined()
  })

  it("has room for some places, and forgets the one that it learnt first", () => {
    const offers = new Offers()
    for (let place = 0; place <= OFFERS_MAX; place++) offers.learn(`${place}`, ["Basic"], 0)
    expect(offers.of("0", 0)).toBeUndefined()
    expect(offers.of("1", 0)).toEqual(["Basic"])
    expect(offers.of(`${OFFERS_MAX}`, 0)).toEqual(["Basic"])
  })

  it("tells the virtual directories of one host apart, as IIS does", () => {
    const place = (url: string) => placeOf(new URL(url))
    expect(place("https://mail.example.com/EWS/Exchange.asmx")).toBe("https://mail.example.com/ews")
    expect(place("https://mail.example.com/ews/other.asmx?a=b")).toBe("https://mail.example.com/ews")
    expect(place("https://mail.example.com/Autodiscover/Autodiscover.xml")).toBe(
      "https://mail.example.com/autodiscover"
    )
    expect(place("https://mail.example.com:8443")).toBe("https://mail.example.com:8443/")
  })
})
