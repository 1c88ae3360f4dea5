import { SaxesParser } from "saxes"

/** An XML element with its namespace resolved; prefixes are gone. */
export interface Element {
  readonly namespace: string
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: ReadonlyArray<Element>
  /** The element's own text, without that of its children. */
  readonly text: string
}

export const SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
export const MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
export const TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"

/** Reads a document; undefined if it is not well-formed, declares a DTD or nests too deep. */
export const parseXml = (text: string): Element | undefined => {
  const parser = new SaxesParser({ xmlns: true })
  const stack: Array<Building> = []
  let root: Element | undefined
  let broken = false
  parser.on("error", () => {
    broken = true
  })
  parser.on("doctype", () => {
    broken = true
  })
  parser.on("opentag", (tag) => {
    if (stack.length >= MAX_DEPTH) broken = true
    const attributes: Record<string, string> = {}
    for (const attribute of Object.values(tag.attributes)) attributes[attribute.local] = attribute.value
    const element = { namespace: tag.uri, name: tag.local, attributes, children: [], text: "" }
    stack.at(-1)?.children.push(element)
    stack.push(element)
  })
  const addText = (part: string) => {
    const open = stack.at(-1)
    if (open !== undefined) open.text += part
  }
  parser.on("text", addText)
  parser.on("cdata", addText)
  parser.on("closetag", () => {
    const closed = stack.pop()
    if (stack.length === 0) root ??= closed
  })
  try {
    parser.write(text).close()
  } catch {
    return undefined
  }
  return broken ? undefined : root
}

/** The first child of that name; without a namespace, in any. */
export const child = (element: Element | undefined, name: string, namespace?: string): Element | undefined =>
  element?.children.find((one) => one.name === name && (namespace ?? one.namespace) === one.namespace)

/** Follows a path of names. */
export const descend = (element: Element | undefined, ...path: ReadonlyArray<string>): Element | undefined =>
  path.reduce<Element | undefined>((at, name) => child(at, name), element)

/** Trimmed text of the element at a path; undefined if there is none. */
export const textAt = (element: Element | undefined, ...path: ReadonlyArray<string>): string | undefined =>
  descend(element, ...path)?.text.trim()

/** Text for element content and attribute values; characters that XML 1.0 cannot carry are left out. */
export const escapeXml = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML forbids
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
    .replace(/[&<>"]/g, (character) => ENTITIES[character]!)

interface Building {
  namespace: string
  name: string
  attributes: Record<string, string>
  children: Array<Building>
  text: string
}

const MAX_DEPTH = 64
const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }
