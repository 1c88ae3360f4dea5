import { deepStrictEqual } from "node:assert"
import { Either } from "effect"
import { readPlainXml } from "../../../layers/ews/PlainXml.ts"
import {
  readDocument,
  readSoapMessage,
  readStrictly,
  type SoapElement
} from "../../../layers/ews/SoapReader.ts"
import { escaped } from "../../../layers/ews/XmlText.ts"
import { realMessages, XML_WORDS } from "../Samples.ts"
import { check, checkWords, own, type Target } from "../Target.ts"

const LIMIT = 256 * 1024

/** XML of all kinds: the fast reader and the strict one make the same of it, and so they do of what is written anew. */
export const target: Target = {
  name: "xml",
  form: "xml",
  words: XML_WORDS,
  seeds: () => [
    ...own(
      '<a xmlns="urn:a" b="1" c=\'2\'><d/>text &amp; &#65; more<e:f xmlns:e="urn:e" e:g="3">x</e:f></a>',
      '\ufeff<?xml version="1.1" encoding="utf-16"?>\n<a><![CDATA[<b>]]><!-- c --><?d e?></a>\n',
      Buffer.from('\ufeff<a b="ä">\u{1F600}</a>', "utf16le"),
      "<html><body>404</body></html>"
    ),
    ...realMessages(/\.xml$/)
  ],
  run: (input) => {
    const text = input.toString("utf8")
    const plain = readPlainXml(text)
    if (plain !== undefined) {
      const strict = readStrictly(text)
      check(Either.isRight(strict), "what the fast reader reads, the strict one reads")
      if (Either.isRight(strict)) deepStrictEqual(shape(plain), shape(strict.right))
    }
    const read = readDocument(input, LIMIT)
    if (Either.isLeft(read)) {
      checkWords(read.left, "the reason", 40)
      return
    }
    checkBounds(read.right)
    readSoapMessage(input, LIMIT)
    if (!isWritable(read.right)) return
    const again = readDocument(write(read.right), 64 * LIMIT)
    check(Either.isRight(again), "what is written anew can be read")
    if (Either.isRight(again)) deepStrictEqual(shape(again.right), shape(read.right))
  }
}

interface Shape {
  readonly name: readonly [string, string]
  readonly attributes: ReadonlyArray<readonly [string, string | undefined]>
  readonly text: string
  readonly children: ReadonlyArray<Shape>
}

const shape = ({ attributes, children, local, text, uri }: SoapElement): Shape => ({
  name: [uri, local],
  attributes: attributes.names.map((name, at) => [name, attributes.values[at]]),
  text,
  children: children.map(shape)
})

const checkBounds = (root: SoapElement) => {
  let elements = 0
  const visit = (element: SoapElement, depth: number) => {
    elements++
    check(depth <= 48, "depth is bounded")
    check(element.attributes.names.length <= 64, "attributes are bounded")
    for (const child of element.children) visit(child, depth + 1)
  }
  visit(root, 1)
  check(elements <= 20_000, "elements are bounded")
}

/** Not where the declaration of the namespace would be one attribute too many, or may not be. */
const isWritable = ({ attributes, children, uri }: SoapElement): boolean =>
  attributes.names.length < 64 && !uri.startsWith("http://www.w3.org/") && children.every(isWritable)

/** Children in front of the text: it is only kept as one piece. */
const write = ({ attributes, children, local, text, uri }: SoapElement): string => {
  const written = attributes.names.map((name, at) => ` ${name}="${escaped(attributes.values[at] ?? "")}"`)
  return `<${local} xmlns="${escaped(uri)}"${written.join("")}>${children.map(write).join("")}${escaped(text)}</${local}>`
}
