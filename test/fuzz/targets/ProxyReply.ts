import { BODY_MAX, endOfBody, endOfHead, HEAD_MAX, parseReply } from "../../../layers/net/ProxyReply.ts"
import { check, own, type Target } from "../Target.ts"

/** What a proxy says to CONNECT: heads, and bodies that stand in the way. */
export const target: Target = {
  name: "proxy-reply",
  form: "text",
  words: [
    "\r\n",
    "\r\n\r\n",
    "HTTP/1.1 ",
    "HTTP/1.0 ",
    "407",
    "Content-Length: ",
    "Transfer-Encoding: chunked",
    "Proxy-Authenticate: NTLM ",
    "Connection: close",
    ":",
    "ffffffff",
    "0\r\n\r\n",
    "1;x=y\r\n"
  ],
  seeds: () =>
    own(
      "HTTP/1.1 200 Connection established\r\n\r\n",
      "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM TlRMTVNTUAACAAAA\r\nContent-Length: 5\r\nProxy-Connection: keep-alive\r\n\r\nhello",
      'HTTP/1.0 407 x\r\nproxy-authenticate: Basic realm="a, b"\r\nConnection: close\r\n\r\n<html>',
      "HTTP/1.1 407 x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\nA;b=c\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"
    ),
  run: (input) => {
    const end = endOfHead(input.subarray(0, HEAD_MAX))
    if (end === undefined) return
    check(end <= input.length && end >= 4, "the head ends inside")
    const reply = parseReply(input.subarray(0, end - 4))
    if (reply === undefined) return
    check(reply.status >= 0 && reply.status <= 999, "a status has three digits")
    check(!reply.persistent || reply.body._tag !== "UntilClose", "a body without end ends the connection")
    if (reply.body._tag === "Length")
      check(Number.isSafeInteger(reply.body.bytes), "a length is a whole number")
    const rest = input.subarray(end, end + BODY_MAX)
    const bodyEnd = endOfBody(rest, reply.body)
    check(bodyEnd === undefined || (bodyEnd >= 0 && bodyEnd <= rest.length), "the body ends inside")
  }
}
