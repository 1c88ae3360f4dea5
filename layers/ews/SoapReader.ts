import { Either } from "effect"
import { type SaxesAttributeNS, SaxesParser } from "saxes"
import { Attributes, NO_ATTRIBUTES } from "./Attributes.ts"
import { readPlainXml } from "./PlainXml.ts"
import { xmlCharacters } from "./XmlText.ts"

/** Namespaces of EWS; prefixes vary from server to server, so names are always compared by these. */
export const TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
export const MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
export const ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
export const SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
/** The callback's WSDL also names a SOAP 1.2 binding (FACTS section 2). */
export const SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"

/** An element of a received document, without anything that could lead out of it. */
export interface SoapElement {
  readonly uri: string
  readonly local: string
  /** Attributes without a prefix, by name. */
  readonly attributes: Attributes
  readonly children: ReadonlyArray<SoapElement>
  /** The element's own character data, CDATA included, not that of its children. */
  readonly text: string
}

/** Why a document is not used. Never holds anything out of the document. */
export type NotSoap =
  | "empty"
  | "too large"
  | "an HTML page"
  | "not well-formed XML"
  | "a document type declaration"
  | "nested too deeply"
  | "too many elements"
  | "too many attributes"
  | "not a SOAP envelope"

/** What an envelope holds. */
export interface SoapMessage {
  readonly header: SoapElement | undefined
  /** The first element of the body. */
  readonly content: SoapElement
}

/** Reads an envelope as `readSoapMessage` does, and answers the first element of its body. */
export const readSoap = (document: Uint8Array | string, limit: number): Either.Either<SoapElement, NotSoap> =>
  Either.map(readSoapMessage(document, limit), (message) => message.content)

/** Reads a SOAP 1.1 or 1.2 envelope, as `readDocument` reads XML. */
export const readSoapMessage = (
  document: Uint8Array | string,
  limit: number
): Either.Either<SoapMessage, NotSoap> => Either.flatMap(readDocument(document, limit), messageOf)

/**
 * Reads any XML document and answers its root. Strict XML with namespaces, bounded in size (`limit`, bytes), depth and
 * number of elements; no DOCTYPE and no entities but XML's own. Tolerated, because servers and proxies send it: byte order
 * marks, UTF-16, white space or a broken declaration before the root, and characters that XML 1.0 forbids (they become
 * U+FFFD).
 */
export const readDocument = (
  document: Uint8Array | string,
  limit: number
): Either.Either<SoapElement, NotSoap> => {
  if (document.length > limit) return Either.left("too large")
  const text = withoutProlog(typeof document === "string" ? document : decoded(document))
  if (text === "") return Either.left("empty")
  if (HTML.test(text)) return Either.left("an HTML page")
  const plain = readPlainXml(text)
  if (plain !== undefined) return Either.right(plain)
  const clean = withoutForbiddenCharacters(text)
  const cleaned = clean === text ? undefined : readPlainXml(clean)
  return cleaned === undefined ? readStrictly(clean) : Either.right(cleaned)
}

/** Reads with the real parser, whatever the text is. */
export const readStrictly = (text: string): Either.Either<SoapElement, NotSoap> => {
  try {
    return Either.right(parse(text))
  } catch (refusal) {
    // Whatever else is thrown comes from the parser and is about the document.
    return Either.left(refusal instanceof Refusal ? refusal.reason : "not well-formed XML")
  }
}

/** The first child of that name. */
export const child = (
  element: SoapElement | undefined,
  uri: string,
  local: string
): SoapElement | undefined => {
  if (element === undefined) return undefined
  for (const one of element.children) if (one.local === local && one.uri === uri) return one
  return undefined
}

/** The trimmed text of the first child of that name; undefined if it is absent or empty. */
export const textOf = (element: SoapElement | undefined, uri: string, local: string): string | undefined => {
  const text = child(element, uri, local)?.text.trim()
  return text === "" ? undefined : text
}

const DEPTH = 48
const ELEMENTS = 20_000
const ATTRIBUTES = 64
const HTML = /^<(?:!doctype\s+html|html[\s>])/i

class Refusal extends Error {
  readonly reason: NotSoap
  constructor(reason: NotSoap) {
    super(reason)
    this.reason = reason
  }
}

interface Growing extends SoapElement {
  readonly children: Array<Growing>
  text: string
}

const parse = (text: string): SoapElement => {
  const parser = new SaxesParser({ xmlns: true, position: false })
  const open: Array<Growing> = []
  let root: Growing | undefined
  let elements = 0

  // Without an error handler saxes throws. At most six handlers: with a seventh the parser's object turns into a
  // dictionary and everything takes four times as long (measured).
  parser.on("doctype", () => refuse("a document type declaration"))
  parser.on("opentag", (tag) => {
    if (++elements > ELEMENTS) refuse("too many elements")
    if (open.length >= DEPTH) refuse("nested too deeply")
    const made: Growing = {
      uri: tag.uri,
      local: tag.local,
      attributes: unprefixed(tag.attributes),
      children: [],
      text: ""
    }
    const parent = open.at(-1)
    if (parent === undefined) root = made
    else parent.children.push(made)
    open.push(made)
  })
  parser.on("closetag", () => open.pop())
  const append = (text: string) => {
    const parent = open.at(-1)
    if (parent !== undefined) parent.text += text
  }
  parser.on("text", append)
  parser.on("cdata", append)
  parser.write(text).close()
  return root ?? refuse("empty")
}

const refuse = (reason: NotSoap): never => {
  throw new Refusal(reason)
}

const unprefixed = (attributes: Record<string, SaxesAttributeNS>): Attributes => {
  const names: Array<string> = []
  const values: Array<string> = []
  let seen = 0
  for (const name in attributes) {
    if (++seen > ATTRIBUTES) refuse("too many attributes")
    const attribute = attributes[name]!
    if (attribute.prefix !== "" || name === "xmlns") continue
    names.push(name)
    values.push(attribute.value)
  }
  return names.length === 0 ? NO_ATTRIBUTES : new Attributes(names, values)
}

const messageOf = (root: SoapElement): Either.Either<SoapMessage, NotSoap> => {
  const soap = root.uri === SOAP_11 || root.uri === SOAP_12
  const content = soap && root.local === "Envelope" ? child(root, root.uri, "Body")?.children[0] : undefined
  return content === undefined
    ? Either.left("not a SOAP envelope")
    : Either.right({ header: child(root, root.uri, "Header"), content })
}

const decoded = (bytes: Uint8Array): string => {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes)
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")
}

/** The declaration goes too: nothing in it is used, and real ones name encodings and versions that are not true. */
const withoutProlog = (text: string): string => text.replace(/^[\s\uFEFF\0]*(?:<\?xml[^<>]*>)?\s*/, "")

const REFERENCES = /&#(?:x([0-9a-f]+)|([0-9]+));/gi

const withoutForbiddenCharacters = (text: string): string => {
  const clean = xmlCharacters(text)
  if (!clean.includes("&#")) return clean
  return clean.replace(REFERENCES, (reference, hex: string | undefined, decimal: string | undefined) => {
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    if (code > 0x10ffff) return "\uFFFD"
    const character = String.fromCodePoint(code)
    return xmlCharacters(character) === character ? reference : "\uFFFD"
  })
}
