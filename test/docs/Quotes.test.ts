import { readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { ROOT, readDocument } from "./Markdown.ts"

/** The product's own code, file by file. */
const sources = ["actors", "layers", "schemas", "src"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => readDocument(join(folder, path)))
)

/** Whether a file has all parts of the text in this order; `…` stands for what differs. */
const has = (text: string) => (source: string) => {
  let at = 0
  for (const part of text.split("…").map((one) => one.trim())) {
    at = source.indexOf(part, at)
    if (at < 0) return false
    at += part.length
  }
  return true
}

/** Levels that the text may have where it is written: of the call before it, else those that the file names. */
const levelsOf = (text: string): ReadonlySet<string> => {
  const [longest = ""] = text
    .split("…")
    .map((one) => one.trim())
    .toSorted((one, other) => other.length - one.length)
  const found = sources.filter(has(text)).flatMap((source) => {
    const at = source.indexOf(longest)
    const before = source.slice(Math.max(0, at - 120), at)
    const call = [...before.matchAll(/Effect\.log(Debug|Info|Warning|Error)\(/g)].at(-1)?.[1]
    return call === undefined ? [...source.matchAll(/LogLevel\.(\w+)/g)].map(([, name = ""]) => name) : [call]
  })
  return new Set(found.map((name) => name.toLowerCase()))
}

const spansOf = (markdown: string): ReadonlyArray<string> =>
  [...markdown.replace(/^ *```.*?^ *```/gms, "").matchAll(/`([^`]+)`/g)].map(([, text = ""]) =>
    text.replace(/\s+/g, " ")
  )

const manual = readDocument("docs/troubleshooting.md")
const [, ofEns2 = ""] = manual.split("\n## Messages that ENS2 wrote\n")
const [kept = "", changed = ""] = ofEns2.split("ENS2's own errors, and where they are now:")
const rows = [...kept.matchAll(/^\| (`.*`) \| (\w+) \|/gm)].map(([, texts = "", level = ""]) => ({
  texts: spansOf(texts),
  level
}))

describe("log lines that docs/troubleshooting.md quotes", () => {
  it("are written, those of ENS2 at the level that it names", () => {
    expect(rows.length).toBeGreaterThan(8)
    for (const { level, texts } of rows)
      for (const text of texts) expect(levelsOf(text), text).toContain(level)
  })

  it("are written, those under a cause", () => {
    const ends = changed.indexOf("\n## ")
    const own = manual.replace(changed.slice(0, ends), "").replace(kept, "")
    const sentences = spansOf(own).filter((text) => / /.test(text) && !COMMAND.test(text))
    expect(sentences.length).toBeGreaterThan(10)
    expect(
      sentences.filter((text) => !OF_OTHERS.has(text) && !sources.some(has(text))),
      "neither in the code nor known as somebody else's"
    ).toEqual([])
  })
})

describe("log lines that other documents quote", () => {
  for (const document of ["docs/migration.md", "docs/exchange.md", "docs/operations/storage.md"]) {
    it(`are written: ${document}`, () => {
      const sentences = spansOf(readDocument(document)).filter((text) => / [a-z]+ [a-z]/.test(text))
      const unknown = sentences.filter((text) => !COMMAND.test(text) && !sources.some(has(text)))
      expect(unknown).toEqual([])
    })
  }
})

const COMMAND =
  /^(?:ens|npm|openssl|kill|curl|sqlite3|w32tm|Get-\w+|[A-Z]+ (?:DATABASE|LOGIN)|--|(?:ENS_\w+|timedatectl))\b|^--/

/** Words of Exchange, CNS, databases, OpenSSL and ENS2, and texts of ours with something put in. */
const OF_OTHERS: ReadonlySet<string> = new Set([
  "API token : [12341*****fasdf]",
  "Received [StatusEvent]",
  "The requested resource does not support http method 'GET'.",
  "unable to verify",
  "Could not establish trust relationship",
  "Could not create SSL/TLS secure channel",
  '{"code":2007,"message":"Unable to verify if the signer cert as trusted…"}',
  'Cannot open database "ENS" requested by the login',
  "handshake failure",
  "protocol version"
])
