import type { SoapElement } from "./SoapReader.ts"

/**
 * Reads XML as Exchange writes it: elements, attributes, namespaces, and text with XML's own entities, in which all names
 * are of ASCII. Several times as fast as the real parser, and undefined whenever there is anything else, or anything wrong:
 * then the real parser decides. What it does read, both read alike. `text` must hold no characters that XML forbids.
 */
export const readPlainXml = (text: string): SoapElement | undefined => {
  // What text may not hold, and line ends that a parser changes.
  if (text.includes("]]>") || text.includes("\r")) return undefined
  const open: Array<Open> = []
  let inner: Open | undefined
  let root: Growing | undefined
  let elements = 0
  let at = 0
  while (text.charCodeAt(at) === LESS) {
    if (text.charCodeAt(at + 1) === SLASH) {
      if (inner === undefined || !text.startsWith(inner.end, at)) return undefined
      at += inner.end.length
      open.pop()
      inner = open[open.length - 1]
    } else {
      const end = text.indexOf(">", at)
      const opened = end < 0 ? undefined : openTag(text.slice(at + 1, end), inner?.scope ?? NO_NAMESPACES)
      if (opened === undefined || ++elements > ELEMENTS) return undefined
      if (inner !== undefined) inner.element.children.push(opened.element)
      else if (root === undefined) root = opened.element
      else return undefined
      if (!opened.empty) {
        if (open.push(opened) > DEPTH) return undefined
        inner = opened
      }
      at = end + 1
    }
    const next = text.indexOf("<", at)
    if (next === at) continue
    const piece = decode(next < 0 ? text.slice(at) : text.slice(at, next))
    if (piece === undefined) return undefined
    if (inner !== undefined) inner.element.text += piece
    // Outside of the root there may only be white space.
    else if (!/^[ \t\n]*$/.test(piece)) return undefined
    at = next < 0 ? text.length : next
  }
  return inner === undefined && at === text.length ? root : undefined
}

/** The real parser refuses more than these, or takes over. */
const DEPTH = 48
const ELEMENTS = 20_000
const ATTRIBUTES = 16

const SPACE = 32
const QUOTE = 34
const APOSTROPHE = 39
const SLASH = 47
const LESS = 60

interface Growing extends SoapElement {
  readonly children: Array<Growing>
  text: string
}

/** An element whose end is still to come. */
interface Open {
  readonly element: Growing
  /** Its closing tag. */
  readonly end: string
  readonly scope: Scope
  /** It has no content, and is closed already. */
  readonly empty: boolean
}

/** Namespaces by prefix; "" is the default one. */
type Scope = ReadonlyMap<string, string>

/** What XML itself binds. */
const NO_NAMESPACES: Scope = new Map([["xml", "http://www.w3.org/XML/1998/namespace"]])
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map()

/** `tag`: what stands between the angle brackets. */
const openTag = (tag: string, outer: Scope): Open | undefined => {
  const empty = tag.charCodeAt(tag.length - 1) === SLASH
  const content = empty ? tag.length - 1 : tag.length
  const space = tag.indexOf(" ")
  const name = nameOf(space >= 0 ? tag.slice(0, space) : empty ? tag.slice(0, content) : tag)
  const inside =
    space < 0 ? { attributes: NO_ATTRIBUTES, scope: outer } : attributesOf(tag, space, content, outer)
  if (name === undefined || inside === undefined) return undefined
  const { attributes, scope } = inside
  const uri = scope.get(name.prefix) ?? (name.prefix === "" ? "" : undefined)
  if (uri === undefined) return undefined
  return {
    element: { uri, local: name.local, attributes, children: [], text: "" },
    end: name.end,
    scope,
    empty
  }
}

interface Inside {
  /** Those without a prefix. */
  readonly attributes: ReadonlyMap<string, string>
  /** The namespaces that hold within the element. */
  readonly scope: Scope
}

/** Reads the part of a tag that begins with this space. */
const attributesOf = (tag: string, space: number, end: number, outer: Scope): Inside | undefined => {
  const attributes = new Map<string, string>()
  let declared: Map<string, string> | undefined
  let prefixes: Map<string, string> | undefined
  let at = space
  for (let count = 0; ; count += 1) {
    const spaced = tag.charCodeAt(at) === SPACE
    while (tag.charCodeAt(at) === SPACE) at += 1
    if (at >= end) break
    const equals = tag.indexOf("=", at)
    if (!spaced || equals < 0 || count >= ATTRIBUTES) return undefined
    const name = nameOf(tag.slice(at, equals))
    const quote = tag.charCodeAt(equals + 1)
    const close =
      quote === QUOTE
        ? tag.indexOf('"', equals + 2)
        : quote === APOSTROPHE
          ? tag.indexOf("'", equals + 2)
          : -1
    if (name === undefined || close < 0) return undefined
    const value = valueOf(tag.slice(equals + 2, close))
    if (value === undefined) return undefined
    at = close + 1
    if (name.declares !== undefined) {
      declared ??= new Map()
      if (declared.has(name.declares) || !isPlainNamespace(name.declares, value)) return undefined
      declared.set(name.declares, value)
      continue
    }
    // Two prefixes may stand for one namespace: the real parser knows.
    if (attributes.has(name.local) || prefixes?.has(name.local)) return undefined
    if (name.prefix === "") attributes.set(name.local, value)
    else {
      prefixes ??= new Map()
      prefixes.set(name.local, name.prefix)
    }
  }
  const scope = declared === undefined ? outer : new Map([...outer, ...declared])
  for (const prefix of prefixes?.values() ?? []) if (!scope.has(prefix)) return undefined
  return { attributes, scope }
}

/** White space other than spaces would be changed. */
const valueOf = (text: string): string | undefined => (/[<\n\t]/.test(text) ? undefined : decode(text))

interface Name {
  readonly prefix: string
  readonly local: string
  /** The closing tag of such an element. */
  readonly end: string
  /** As an attribute it declares this prefix, or the default namespace. */
  readonly declares: string | undefined
}

/** Undefined for what is no name of this simple kind. */
const nameOf = (text: string): Name | undefined => {
  const known = NAMES.get(text)
  if (known !== undefined) return known
  const match = /^(?:([A-Za-z_][\w.-]*):)?([A-Za-z_][\w.-]*)$/.exec(text)
  if (match === null) return undefined
  const prefix = match[1] ?? ""
  const local = match[2]!
  const declares = prefix === "xmlns" ? local : text === "xmlns" ? "" : undefined
  const name: Name = { prefix, local, end: `</${text}>`, declares }
  if (NAMES.size < NAMES_MAX && text.length <= NAME_LONGEST) NAMES.set(text, name)
  return name
}

/** Exchange's names are few, and come again and again. */
const NAMES = new Map<string, Name>()
const NAMES_MAX = 1_000
const NAME_LONGEST = 64

/** The prefixes and namespaces that XML keeps for itself have rules of their own. */
const isPlainNamespace = (prefix: string, uri: string): boolean =>
  !prefix.startsWith("xml") &&
  (uri !== "" || prefix === "") &&
  !/\s/.test(uri) &&
  !uri.startsWith("http://www.w3.org/XML/") &&
  !uri.startsWith("http://www.w3.org/2000/xmlns")

/** Undefined where a reference is not one of the plain ones. */
const decode = (text: string): string | undefined => {
  if (!text.includes("&")) return text
  let plain = true
  const decoded = text.replace(/&([^;&]{0,9});?/g, (whole, reference: string) => {
    const character = whole.endsWith(";") ? characterOf(reference) : undefined
    plain &&= character !== undefined
    return character ?? ""
  })
  return plain ? decoded : undefined
}

const characterOf = (reference: string): string | undefined => {
  const [, hex, decimal] = /^#(?:x([0-9a-fA-F]+)|([0-9]+))$/.exec(reference) ?? []
  if (hex === undefined && decimal === undefined) return ENTITIES.get(reference)
  const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
  return isXmlCharacter(code) ? String.fromCodePoint(code) : undefined
}

/** XML 1.0's production Char. */
const isXmlCharacter = (code: number): boolean =>
  (code >= 0x20 && code <= 0xd7ff) ||
  code === 0x9 ||
  code === 0xa ||
  code === 0xd ||
  (code >= 0xe000 && code <= 0xfffd) ||
  (code >= 0x10000 && code <= 0x10ffff)

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"]
])
