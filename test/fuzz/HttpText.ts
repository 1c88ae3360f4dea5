import type { HttpAnswer } from "../../layers/ews/SoapAnswer.ts"

/** An HTTP answer as text: `200`, headers `name: value` one a line, an empty line, the body. */
export const httpText = (
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer
): Buffer =>
  Buffer.concat([
    Buffer.from(
      [`${status}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), "", ""].join("\n")
    ),
    Buffer.from(body)
  ])

/** The answer that Node's client would make of it: anything has a meaning. Equal names make a list. */
export const httpAnswer = (text: Buffer): HttpAnswer => {
  const end = text.indexOf("\n\n")
  const [first = "", ...lines] = text
    .toString("latin1", 0, end < 0 ? Math.min(text.length, 4_096) : end)
    .split("\n")
  const status = /^\d{3}/.exec(first)?.[0]
  const headers: Record<string, string | Array<string>> = Object.create(null)
  for (const line of lines.slice(0, 200)) {
    const colon = line.indexOf(":")
    if (colon < 1) continue
    const name = line.slice(0, colon).toLowerCase()
    // What Node's own parser lets through.
    const value = line
      .slice(colon + 1)
      .trim()
      .replace(/[^\t\x20-\x7e\x80-\xff]/g, "?")
    const before = headers[name]
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  return { status: Number(status ?? 200), headers, body: end < 0 ? Buffer.alloc(0) : text.subarray(end + 2) }
}

export const headerOf = ({ headers }: HttpAnswer, name: string): string | undefined =>
  [headers[name] ?? []].flat()[0]
