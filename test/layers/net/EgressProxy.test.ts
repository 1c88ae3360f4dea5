import { describe, expect, it } from "@effect/vitest"
import { Either, Redacted } from "effect"
import { parseEgressProxy } from "../../../layers/net/EgressProxy.ts"

const parse = (url: string, bypass: ReadonlyArray<string> = []) =>
  Either.map(parseEgressProxy(Redacted.make(url), bypass), ({ host, logIn, port }) => ({
    host,
    port,
    logIn: logIn && Redacted.value(logIn)
  }))

describe("the egress proxy's URL", () => {
  it.each([
    ["http://proxy:3128", { host: "proxy", port: 3128, logIn: undefined }],
    ["http://proxy", { host: "proxy", port: 80, logIn: undefined }],
    ["http://[::1]:8080/", { host: "::1", port: 8080, logIn: undefined }],
    [
      "http://CONTOSO%5Cpuser:P%40ss%3Aw%C3%B6rd@proxy:1",
      { host: "proxy", port: 1, logIn: { user: "CONTOSO\\puser", password: "P@ss:wörd" } }
    ]
  ])("%s", (url, expected) => {
    expect(parse(url)).toEqual(Either.right(expected))
  })

  it("is refused without a word of what it holds", () => {
    for (const url of [
      "https://u:secret@proxy",
      "socks5://u:secret@proxy",
      "secret",
      "http://u:secret%@proxy"
    ]) {
      const refused = Either.flip(parse(url))
      expect(Either.getOrThrow(refused)).not.toContain("secret")
    }
  })

  it("names hosts that are reached without it", () => {
    const proxy = Either.getOrThrow(
      parseEgressProxy(Redacted.make("http://proxy"), ["mail.test", "10.0.0.0/8"])
    )
    expect(["mail.test", "10.1.2.3", "other.test"].map(proxy.bypass.includes)).toEqual([true, true, false])
  })

  it("keeps its password out of logs", () => {
    const proxy = Either.getOrThrow(parseEgressProxy(Redacted.make("http://u:secret@proxy"), []))
    expect(JSON.stringify(proxy)).not.toContain("secret")
  })
})
