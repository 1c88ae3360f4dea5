import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { serverVersion } from "../../../layers/ews/ServerVersion.ts"
import { readSoapMessage } from "../../../layers/ews/SoapReader.ts"

const TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"

/** What is understood of an envelope with this header. */
const versionIn = (header: string) => {
  const document = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">${header}<s:Body><x/></s:Body></s:Envelope>`
  return serverVersion(Either.getOrThrow(readSoapMessage(document, 10_000)).header)
}
const info = (attributes: string, uri = TYPES) =>
  `<s:Header><h:ServerVersionInfo ${attributes} xmlns:h="${uri}" xmlns="${uri}"/></s:Header>`
const numbered = (major: number | string, minor: number | string) =>
  versionIn(
    info(`MajorVersion="${major}" MinorVersion="${minor}" MajorBuildNumber="2507" Version="V2017_07_11"`)
  )

describe("the version that a server speaks", () => {
  it.each([
    [8, 0, undefined],
    [8, 1, "Exchange2007_SP1"],
    [8, 3, "Exchange2007_SP1"],
    [14, 0, "Exchange2010"],
    [14, 1, "Exchange2010_SP1"],
    [14, 2, "Exchange2010_SP2"],
    [14, 3, "Exchange2010_SP2"],
    [15, 0, "Exchange2013"],
    [15, 1, "Exchange2016"],
    [15, 2, "Exchange2016"],
    [15, 20, "Exchange2016"],
    [16, 0, "Exchange2016"],
    [6, 5, undefined]
  ])("%s.%s: %s", (major, minor, version) => {
    expect(numbered(major, minor)).toBe(version)
  })

  it("is not known from anything else", () => {
    expect(versionIn("")).toBeUndefined()
    expect(versionIn("<s:Header/>")).toBeUndefined()
    expect(versionIn(info("MajorVersion='15'"))).toBeUndefined()
    expect(versionIn(info("MajorVersion='15' MinorVersion='1'", "urn:other"))).toBeUndefined()
    expect(versionIn(info("h:MajorVersion='15' h:MinorVersion='1'"))).toBeUndefined()
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z .-]{0,5}$/), (text) => {
        expect(numbered(text, 1)).toBeUndefined()
        expect(numbered(15, text)).toBeUndefined()
      })
    )
  })
})
