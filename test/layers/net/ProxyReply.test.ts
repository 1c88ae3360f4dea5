import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { endOfBody, endOfHead, parseReply } from "../../../layers/net/ProxyReply.ts"

const reply = (text: string) => parseReply(Buffer.from(`${text.replaceAll("\n", "\r\n")}\r\n\r\n`))

describe("a proxy's answer", () => {
  it("tells its status, what it offers, and whether the connection stays", () => {
    expect(
      reply(
        "HTTP/1.1 407 Proxy Authentication Required\nProxy-Authenticate: NTLM\nproxy-authenticate:Basic realm=x\nContent-Length: 12"
      )
    ).toEqual({
      status: 407,
      offers: ["NTLM", "Basic realm=x"],
      body: { _tag: "Length", bytes: 12 },
      persistent: true
    })
  })

  it.each([
    ["HTTP/1.1 407 x\nContent-Length: 0", true],
    ["HTTP/1.1 407\nTransfer-Encoding: chunked", true],
    ["HTTP/1.1 407 x\nContent-Length: 0\nConnection: close", false],
    ["HTTP/1.1 407 x\nContent-Length: 0\nProxy-Connection: Close", false],
    ["HTTP/1.0 407 x\nContent-Length: 0", false],
    ["HTTP/1.0 407 x\nContent-Length: 0\nProxy-Connection: keep-alive", true],
    ["HTTP/1.1 407 x", false],
    ["HTTP/1.1 407 x\nContent-Length: -1", false],
    ["HTTP/1.1 407 x\nContent-Length: 1\nContent-Length: 2", false],
    ["HTTP/1.1 407 x\nTransfer-Encoding: gzip", false]
  ])("%j: the connection stays: %s", (text, persistent) => {
    expect(reply(text)?.persistent).toBe(persistent)
  })

  it.each(["", "SSH-2.0-OpenSSH", "HTTP/2 200 OK", "HTTP/1.1 20 OK", "220 smtp ready"])(
    "is not %j",
    (text) => {
      expect(reply(text)).toBeUndefined()
    }
  )

  const whole = (bytes: Buffer, length: number) =>
    Array.from({ length: bytes.length + 1 }, (_, at) =>
      endOfBody(bytes.subarray(0, at), { _tag: "Chunked" })
    ).every((end, at) => end === (at < length ? undefined : length))

  it("finds the end of a chunked body, and not before it is all there", () => {
    const text = "5;name=value\r\nhello\r\nA\r\n0123456789\r\n0\r\n"
    for (const end of ["\r\n", "Trailer: x\r\n\r\n"]) {
      expect(whole(Buffer.from(`${text}${end}HTTP/1.1 200`), text.length + end.length)).toBe(true)
    }
  })

  it("never crashes", () => {
    const texts = fc.stringOf(
      fc.constantFrom("\r\n", "HTTP/1.1 407", ":", " ", "0", "f", "chunked", "\r", "\n")
    )
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = Buffer.from(text)
        parseReply(bytes)
        const end = endOfBody(bytes, { _tag: "Chunked" }) ?? endOfHead(bytes) ?? 0
        expect(end).toBeLessThanOrEqual(bytes.length)
      })
    )
  })
})
