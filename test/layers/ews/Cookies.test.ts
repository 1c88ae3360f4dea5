import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { COOKIE_BYTES_MAX, COOKIES_MAX, Cookies } from "../../../layers/ews/Cookies.ts"

const EWS = new URL("https://mail.example.com/EWS/Exchange.asmx")
const jar = (...lines: ReadonlyArray<string>) => {
  const cookies = new Cookies()
  cookies.store(EWS, lines, 0)
  return cookies
}

describe("Cookies", () => {
  it("go back to the origin that set them, whatever path and domain they name", () => {
    const cookies = jar(
      "X-BackEndOverrideCookie=a~1; path=/EWS; HttpOnly",
      "lb=2; Domain=example.com; Path=/x"
    )
    expect(cookies.headerFor(EWS)).toBe("X-BackEndOverrideCookie=a~1; lb=2")
    expect(cookies.headerFor(new URL("https://mail.example.com/Autodiscover/"))).toBe(
      "X-BackEndOverrideCookie=a~1; lb=2"
    )
    for (const other of [
      "https://example.com/",
      "https://mail.example.com:444/",
      "http://mail.example.com/"
    ]) {
      expect(cookies.headerFor(new URL(other))).toBeUndefined()
    }
  })

  it("are replaced by later ones of their name, and end when they are told to", () => {
    const cookies = jar("a=1", "b=2", "c=3", "d=4")
    cookies.store(EWS, "a=5", 0)
    cookies.store(EWS, ["b=; Max-Age=0", "c=; expires=Thu, 01 Jan 1970 00:00:00 GMT"], 1)
    cookies.store(EWS, "d=6; Expires=Thu, 01 Jan 1970 00:00:00 GMT; max-age=60", 1)
    expect(cookies.headerFor(EWS)).toBe("a=5; d=6")
  })

  it("that are secure are neither taken nor sent without TLS", () => {
    const plain = new URL("http://127.0.0.1:8000/")
    const cookies = new Cookies()
    cookies.store(plain, ["a=1; Secure", "b=2"], 0)
    expect(cookies.headerFor(plain)).toBe("b=2")
  })

  it("that would break a header are left out", () => {
    expect(jar("a=1\r\nX-Evil: 1", "=1", "a b=1", "nothing", "ü=1", "a=ü").headerFor(EWS)).toBeUndefined()
    expect(jar('a="1 2"').headerFor(EWS)).toBe('a="1 2"')
  })

  it("stay few and short, whatever a server sends: the oldest go", () => {
    const many = jar(...Array.from({ length: COOKIES_MAX + 2 }, (_, index) => `c${index}=1`))
    expect(many.headerFor(EWS)?.split("; ").length).toBe(COOKIES_MAX)
    expect(many.headerFor(EWS)).toContain(`c${COOKIES_MAX + 1}=1`)
    const long = jar(`a=${"x".repeat(3000)}`, `b=${"x".repeat(3000)}`, `c=${"x".repeat(5000)}`)
    expect(long.headerFor(EWS)).toBe(`b=${"x".repeat(3000)}`)
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(FastCheck.string({ maxLength: 6000 }), { maxLength: 40 }),
        (lines) => {
          const header =
            jar(...lines, ...lines.map((line, index) => `n${index}=${line}`)).headerFor(EWS) ?? ""
          expect(header).toMatch(/^[\x20-\x7e]*$/)
          expect(header.length).toBeLessThanOrEqual(COOKIE_BYTES_MAX + COOKIES_MAX * 3)
        }
      )
    )
  })
})
