import type { Random } from "../chaos/Random.ts"

/** Changes to elements, attributes and text of something like XML. */
export const mutateXml = (random: Random, bytes: Buffer): Buffer => {
  const text = bytes.toString("latin1")
  const tags = [...text.matchAll(/<[^<>]*>/g)]
  if (tags.length === 0) return bytes
  const tag = random.pick(tags)
  const from = tag.index
  const to = from + tag[0].length
  const put = (at: number, end: number, piece: string) =>
    Buffer.from(text.slice(0, at) + piece + text.slice(end), "latin1")
  switch (random.below(9)) {
    case 0: {
      const depth = random.pick([2, 10, 47, 48, 49, 64, 300, 3_000])
      const name = random.pick(["a", "t:a", "x"])
      return put(from, to, `<${name}>`.repeat(depth) + tag[0] + `</${name}>`.repeat(depth))
    }
    case 1: {
      const count = random.pick([1, 2, 15, 16, 17, 63, 64, 65, 500])
      const attributes = Array.from({ length: count }, (_, at) => ` a${at}="${at}"`).join("")
      return put(to - 1, to - 1, attributes)
    }
    case 2:
      return put(to - 1, to - 1, random.pick(ATTRIBUTES))
    case 3:
      return put(from, to, "")
    case 4: {
      const end = elementEnd(text, from, to)
      return put(end, end, text.slice(from, end).repeat(random.pick([1, 1, 2, 20])))
    }
    case 5:
      return put(from, elementEnd(text, from, to), "")
    case 6: {
      const next = text.indexOf("<", to)
      return put(to, next < 0 ? text.length : next, random.pick(TEXTS))
    }
    case 7:
      return put(to, to, random.pick(TEXTS))
    default: {
      const other = random.pick(tags)
      return put(from, to, other[0])
    }
  }
}

/** Where the element of this tag ends, if its name does not come again inside of it. */
const elementEnd = (text: string, from: number, to: number): number => {
  const name = /^<([^\s/>]+)/.exec(text.slice(from, to))?.[1]
  if (name === undefined || text[to - 2] === "/") return to
  const end = text.indexOf(`</${name}>`, to)
  return end < 0 ? to : end + name.length + 3
}

const ATTRIBUTES = [
  ' xmlns=""',
  ' xmlns:t="urn:x"',
  ' xmlns:xml="urn:x"',
  ' xmlns:xmlns="urn:x"',
  " Id='x'",
  ' Id="&amp;&#x41;"',
  ' Id="&lt;"',
  ' t:Id="1"',
  ' Id="1" Id="2"',
  ' Id="\n\t"',
  ' Id="<"',
  " Id",
  " /"
]
const TEXTS = [
  "",
  " \r\n ",
  "&amp;",
  "&#0;",
  "&#x1F600;",
  "&#xD800;",
  "&#99999999999;",
  "&nosuch;",
  "&",
  "]]>",
  "<![CDATA[x]]>",
  "<![CDATA[]]]]><![CDATA[>]]>",
  "<!-- - -->",
  "<!--",
  "<?pi x?>",
  "<!DOCTYPE a>",
  '<!DOCTYPE a [<!ENTITY b "c">]>',
  "\0",
  "\xed\xa0\x80",
  "\xf0\x9f\x98\x80",
  "\xef\xbf\xbf",
  "-1",
  "true",
  "99999999999",
  "9999-99-99T99:99:99Z",
  "x".repeat(5_000)
]
