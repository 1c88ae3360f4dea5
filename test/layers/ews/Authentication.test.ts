import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import {
  type Authorization,
  accountNameOf,
  basicHeader,
  bearerHeader
} from "../../../layers/ews/Authentication.ts"

const address = "ada@example.com"
const text = (header: Either.Either<Authorization, string>) => Either.merge(header)
const basic = (pair: string) => `Basic ${Buffer.from(pair, "utf8").toString("base64")}`

describe("An account's name", () => {
  const rows = [
    ["the address, if there is nothing else", {}, "", address],
    ["the address, which needs no domain", { domain: "CORP" }, "", address],
    ["the user name", { username: "ada" }, "", "ada"],
    ["the user name and the domain", { username: "ada", domain: "CORP" }, "CORP", "ada"],
    ["the domain inside of the user name", { username: "CORP\\ada" }, "CORP", "ada"],
    [
      "the domain inside of it, before the one beside it",
      { username: "CORP\\ada", domain: "X" },
      "CORP",
      "ada"
    ],
    ["a user principal name", { username: "ada@corp.example.com", domain: "X" }, "", "ada@corp.example.com"]
  ] as const
  for (const [what, credentials, domain, user] of rows) {
    it(`is ${what}`, () => expect(accountNameOf({ address, ...credentials })).toEqual({ domain, user }))
  }
})

describe("The header Authorization", () => {
  it("has name and password in UTF-8", () => {
    expect(text(basicHeader({ address, username: "jürgen", domain: "CORP", password: "a:ü€" }))).toBe(
      basic("CORP\\jürgen:a:ü€")
    )
    expect(text(basicHeader({ address, password: "" }))).toBe(basic(`${address}:`))
  })

  it("is not made of what would say something else", () => {
    expect(text(basicHeader({ address, username: "a:b", password: "x" }))).toBe("user name with a colon")
    expect(text(basicHeader({ address, username: "a", domain: "b:", password: "x" }))).toBe(
      "user name with a colon"
    )
    expect(text(basicHeader({ address }))).toBe("no password given")
    expect(text(bearerHeader({ address, accessToken: "a b" }))).toBe("malformed access token")
    expect(text(bearerHeader({ address, accessToken: "" }))).toBe("malformed access token")
    expect(text(bearerHeader({ address }))).toBe("no access token given")
  })

  it("has the token as it is", () => {
    expect(text(bearerHeader({ address, accessToken: "eyJ.a-b_c" }))).toBe("Bearer eyJ.a-b_c")
  })
})
