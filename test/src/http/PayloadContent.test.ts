import { expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { decoyContent, readContent } from "../../../src/http/PayloadContent.ts"

const ADDRESS = "ann@example.com"

it("a payload is read whatever else it holds, and however it is written", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.nat(4),
      fc.string(),
      (others, space, password) => {
        const fields = Object.entries(others).filter(([key]) => !KNOWN.has(key))
        const text = JSON.stringify(
          { ...Object.fromEntries(fields), emailAddress: ADDRESS, password },
          null,
          space
        )
        expect(readContent(text)).toMatchObject({ emailAddress: ADDRESS, password })
      }
    )
  )
})

it("a payload that names a key twice is none, wherever and however it does", () => {
  const twice = [
    `{"emailAddress":"bob@example.com","emailAddress":"${ADDRESS}"}`,
    `{"emailAddress":"${ADDRESS}","deviceToken":"a","x":[{"y":":"}],"deviceToken":"b"}`,
    `{"emailAddress":"${ADDRESS}","password":"\\"","passw\\u006frd":"p"}`,
    ` { "x" : 1 , "emailAddress" : "${ADDRESS}" , "x" : { "x" : 2 } } `
  ]
  for (const text of twice) expect(readContent(text), text).toBeUndefined()
  expect(readContent(`{"emailAddress":"${ADDRESS}","x":{"y":1,"y":2},"y":":"}`)).toBeDefined()
})

it("what is no payload is none", () => {
  for (const text of ["", "null", "1", "[]", "{}", '{"emailAddress":""}', '{"emailAddress":5}', "\0", '{"a'])
    expect(readContent(text), text).toBeUndefined()
})

it("a decoy of any length is a payload of about that length, of nobody", () => {
  for (const bytes of [0, 100, 245, 490, 15_680]) {
    const decoy = decoyContent(bytes)
    expect(decoy.length).toBeGreaterThanOrEqual(bytes)
    expect(decoy.length).toBeLessThan(bytes + 120)
    expect(readContent(decoy)?.emailAddress).toBe("nobody@invalid")
  }
})

const KNOWN = new Set([
  "username",
  "domain",
  "accessToken",
  "accessTokenExpiresAt",
  "certificate",
  "certificatePassword",
  "ewsUrl",
  "deviceToken",
  "issuedAt"
])
