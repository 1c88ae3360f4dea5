import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { readPlainXml } from "../../../layers/ews/PlainXml.ts"
import { readStrictly } from "../../../layers/ews/SoapReader.ts"
import { samples } from "../../support/EwsSamples.ts"

/** The plain reader may be silent; if it speaks, it says what the real parser says. */
const agrees = (text: string): boolean => {
  const plain = readPlainXml(text)
  if (plain === undefined) return false
  expect(Either.right(plain), text).toEqual(readStrictly(text))
  return true
}

const name = fc.constantFrom("a", "b", "Items", "t:a", "t:b", "m:Items", "x-1", "_", "m:x.y")
/** What XML forbids; rare, because one of them anywhere makes a whole document unreadable. */
const forbidden = fc.constantFrom("\u0001", "\u0008", "\ud83d", "\uffff")
const mostly = (usual: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 19, arbitrary: usual }, { weight: 1, arbitrary: forbidden })
const usualWords = fc.constantFrom(
  "",
  " ",
  "\n  ",
  "Hello",
  "a > b",
  'it\'s "said"',
  "ä€😀",
  "&amp;",
  "&lt;b&gt; &apos;&quot;",
  "&#228;&#x1F600;",
  "x&#10;y"
)
const words = mostly(usualWords)
const attribute = fc.oneof(
  fc.tuple(
    fc.constantFrom("Id", "Name", "t:Id", "m:c", "xml:lang"),
    mostly(fc.constantFrom("1", "", "AAMk+/=", "a&amp;b", "x y", "it's", "a>b"))
  ),
  fc.tuple(
    fc.constantFrom("xmlns", "xmlns:t", "xmlns:m", "xmlns:u"),
    fc.constantFrom("urn:t", "urn:m", "urn:u")
  )
)

interface Node {
  readonly name: string
  readonly attributes: ReadonlyArray<readonly [string, string]>
  readonly content: ReadonlyArray<Node | string>
}

const { tree } = fc.letrec<{ tree: Node; leaf: string }>((tie) => ({
  leaf: words,
  tree: fc.record({
    name,
    attributes: fc.uniqueArray(attribute, { maxLength: 4, selector: ([key]) => key }),
    content: fc.array(fc.oneof({ depthSize: "small" }, tie("leaf"), tie("tree")), { maxLength: 4 })
  })
}))

const written = (node: Node | string): string => {
  if (typeof node === "string") return node
  const attributes = node.attributes.map(([key, value]) => ` ${key}="${value}"`).join("")
  const content = node.content.map(written).join("")
  return content === ""
    ? `<${node.name}${attributes}/>`
    : `<${node.name}${attributes}>${content}</${node.name}>`
}

/** Both prefixes are bound at the root, so that most of them are well-formed. */
const documents = fc
  .array(tree, { maxLength: 4 })
  .map((nodes) => `<root xmlns:t="urn:t" xmlns:m='urn:m'>${nodes.map(written).join("")}</root>`)

/** Pieces of XML that may or may not fit together. */
const soup = fc
  .array(
    fc.constantFrom(
      "<a>",
      "</a>",
      "<a",
      "<b/>",
      "<b />",
      "</a >",
      "< a>",
      "<t:a xmlns:t='u'>",
      "</t:a>",
      "<a:b:c>",
      "<:a>",
      "<a:>",
      "<ä>",
      "</ä>",
      ' a="1"',
      " a='1'",
      'b="2"',
      " xmlns:p='q'",
      " p:a='1'",
      " r:a='1'",
      " xmlns:r='q'",
      ' xmlns=""',
      ' xmlns:z=""',
      " xmlns:xml='http://www.w3.org/XML/1998/namespace'",
      " xml:lang='en'",
      " xmlns:y='http://www.w3.org/2000/xmlns/'",
      " a = '1'",
      " a='<'",
      " a='\t'",
      " a",
      ">",
      "/>",
      "text",
      "]]>",
      "&amp;",
      "&unknown;",
      "&amp",
      "&#0;",
      "&#xD800;",
      "&;",
      "&",
      "<!-- c -->",
      "<![CDATA[x]]>",
      "<?pi?>",
      "<!DOCTYPE a>",
      "\r\n",
      "\u0085",
      " "
    ),
    { maxLength: 12 }
  )
  .map((pieces) => pieces.join(""))

describe("the plain XML reader", () => {
  it("never differs from the real parser over documents, and reads many of them", () => {
    let read = 0
    let all = 0
    fc.assert(
      fc.property(documents, (text) => {
        all += 1
        if (agrees(text)) read += 1
      }),
      { numRuns: 1_000 }
    )
    expect(read / all).toBeGreaterThan(0.3)
  })

  it("never differs over documents in which something was changed", () => {
    const change = fc.record({
      at: fc.nat(),
      remove: fc.nat(3),
      insert: fc.oneof(soup, fc.string({ maxLength: 3 }))
    })
    fc.assert(
      fc.property(documents, change, (text, { at, insert, remove }) => {
        const place = at % text.length
        agrees(text.slice(0, place) + insert + text.slice(place + remove))
      }),
      { numRuns: 3_000 }
    )
  })

  it("never differs over pieces of XML that may or may not fit together", () => {
    fc.assert(
      fc.property(soup, (text) => void agrees(text)),
      { numRuns: 3_000 }
    )
    fc.assert(
      fc.property(soup, soup, (tag, content) => void agrees(`<a${tag}>${content}</a>`)),
      {
        numRuns: 3_000
      }
    )
  })

  it("leaves white space of any kind in namespaces to the real parser", () => {
    for (const space of [" ", "\u0085", "\u00a0", "\u2028", "&#13;", "&#9;", "\ufeff"]) {
      agrees(`<p:a xmlns:p="urn:p${space}"/>`)
      agrees(`<p:a xmlns:p="${space}urn:p"/>`)
      agrees(`<a xmlns="${space}"/>`)
    }
  })

  it("leaves what is too deep or too much to the real parser", () => {
    const deep = (levels: number) => "<a>".repeat(levels) + "</a>".repeat(levels)
    expect(agrees(deep(48))).toBe(true)
    expect(readPlainXml(deep(49))).toBeUndefined()
    expect(readPlainXml(`<a>${"<b/>".repeat(20_000)}</a>`)).toBeUndefined()
  })

  it("reads a tag that it knows by the namespaces of where it stands", () => {
    for (const uri of ["urn:one", "urn:two", "urn:one", "urn:three"]) {
      for (const inner of ["", ' xmlns:t="urn:inner"']) {
        expect(
          agrees(`<t:a xmlns:t="${uri}" Id="1"><b${inner}><t:c Name="x"/></b><t:c Name="x"/></t:a>`)
        ).toBe(true)
      }
    }
  })

  it("remembers no more names than it may", () => {
    for (let number = 0; number < 3_000; number += 1) expect(agrees(`<name${number}/>`)).toBe(true)
  })

  it.skipIf(!samples.present)(`reads what Exchange sends as the real parser does${samples.orSkipped}`, () => {
    let read = 0
    const names = samples.names(/\.xml$/)
    for (const sample of names) {
      const text = samples.read(sample).toString("utf8")
      // On the wire there are neither line ends nor comments; they come from whoever kept the sample.
      const compact = text
        .replace(/^[^<]*<\?xml[^>]*>|<!--.*?-->/gs, "")
        .replace(/\s+/g, " ")
        .trim()
      if (agrees(compact)) read += 1
    }
    expect(read / names.length).toBeGreaterThan(0.9)
  })
})
