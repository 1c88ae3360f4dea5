/** Bytes of a proxy's answer that are read: of its head, and of a body that only stands in the way. */
export const HEAD_MAX = 16_384
export const BODY_MAX = 131_072

/** The head of a proxy's answer to CONNECT. */
export interface ProxyReply {
  readonly status: number
  /** Values of `Proxy-Authenticate`, one a scheme. */
  readonly offers: ReadonlyArray<string>
  readonly body: Framing
  /** Whether another request may follow on the connection, once the body is read. */
  readonly persistent: boolean
}

/** How one knows where the body ends (RFC 9112, 6.3). */
export type Framing =
  | { readonly _tag: "Length"; readonly bytes: number }
  | { readonly _tag: "Chunked" }
  | { readonly _tag: "UntilClose" }

/** Where the head ends in `bytes`, the empty line included; undefined if it does not yet. */
export const endOfHead = (bytes: Buffer): number | undefined => {
  const end = bytes.indexOf("\r\n\r\n")
  return end < 0 ? undefined : end + 4
}

/** undefined if it is no HTTP. */
export const parseReply = (head: Buffer): ProxyReply | undefined => {
  const [first = "", ...lines] = head.toString("latin1").split("\r\n")
  const [, minor, status] = /^HTTP\/1\.(\d) (\d{3})(?: |$)/.exec(first) ?? []
  if (status === undefined) return undefined
  const fields = lines.map((line) => {
    const colon = line.indexOf(":")
    return {
      name: line.slice(0, Math.max(colon, 0)).trim().toLowerCase(),
      value: line.slice(colon + 1).trim()
    }
  })
  const valuesOf = (name: string) => fields.filter((field) => field.name === name).map(({ value }) => value)
  const connection = [...valuesOf("connection"), ...valuesOf("proxy-connection")].join().toLowerCase()
  const body = framingOf(valuesOf("transfer-encoding"), valuesOf("content-length"))
  return {
    status: Number(status),
    offers: valuesOf("proxy-authenticate"),
    body,
    persistent:
      body._tag !== "UntilClose" &&
      !connection.includes("close") &&
      (minor !== "0" || connection.includes("keep-alive"))
  }
}

const framingOf = (encodings: ReadonlyArray<string>, lengths: ReadonlyArray<string>): Framing => {
  if (encodings.length > 0) {
    return /(?:^|,)\s*chunked$/i.test(encodings.join()) ? { _tag: "Chunked" } : { _tag: "UntilClose" }
  }
  const [length] = lengths
  return length !== undefined && /^\d{1,15}$/.test(length) && lengths.every((one) => one === length)
    ? { _tag: "Length", bytes: Number(length) }
    : { _tag: "UntilClose" }
}

/** Where a body that begins with `bytes` ends; undefined if more must be read, or if it cannot be told. */
export const endOfBody = (bytes: Buffer, framing: Framing): number | undefined => {
  switch (framing._tag) {
    case "Length":
      return bytes.length >= framing.bytes ? framing.bytes : undefined
    case "Chunked":
      return endOfChunks(bytes)
    case "UntilClose":
      return undefined
  }
}

const endOfChunks = (bytes: Buffer): number | undefined => {
  let at = 0
  for (;;) {
    const line = bytes.indexOf("\r\n", at)
    if (line < 0) return undefined
    const size = /^[\da-f]{1,8}/i.exec(bytes.toString("latin1", at, Math.min(line, at + 16)))?.[0]
    if (size === undefined) return undefined
    if (Number.parseInt(size, 16) === 0) return endOfTrailers(bytes, line)
    at = line + 2 + Number.parseInt(size, 16) + 2
  }
}

/** Trailers end with an empty line, which without any follows the last chunk's size directly. */
const endOfTrailers = (bytes: Buffer, line: number): number | undefined => {
  const end = bytes.indexOf("\r\n\r\n", line)
  return end < 0 ? undefined : end + 4
}
