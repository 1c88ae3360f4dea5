import { Attributes, NO_ATTRIBUTES } from "./Attributes.ts"
import { plainText } from "./PlainText.ts"
import { isXmlText } from "./XmlText.ts"

/** An opening tag, read. */
export interface Tag {
  readonly uri: string
  readonly local: string
  readonly attributes: Attributes
  /** It has no content, and is closed already. */
  readonly empty: boolean
  /** Its closing tag. */
  readonly end: string
  /** What holds within the element. */
  readonly scope: Scope
}

/** The namespaces that hold somewhere in a document. */
export interface Scope {
  /** By prefix; "" is the default one. */
  readonly uris: ReadonlyMap<string, string>
  /** Tags that were read there before: a server's documents are made of few, and those that declare a namespace are long. */
  readonly known: Map<string, Tag>
}

/** What XML itself binds. */
export const NO_NAMESPACES: Scope = {
  uris: new Map([["xml", "http://www.w3.org/XML/1998/namespace"]]),
  known: new Map()
}

/**
 * Reads what stands between the angle brackets of an opening tag; undefined for whatever is not plain: names that are not of
 * ASCII, white space other than spaces, references that are not known here, or anything wrong.
 */
export const readTag = (tag: string, scope: Scope): Tag | undefined => {
  const space = tag.indexOf(" ")
  // Those with an id in front are never the same twice.
  const recurs = tag.length <= TAG_LONGEST && !(space > 0 && tag.startsWith('Id="', space + 1))
  if (!recurs) return parse(tag, space, scope)
  const known = scope.known.get(tag)
  if (known !== undefined) return known
  if (remembered >= TAGS_MAX) return parse(tag, space, scope)
  const kept = copied(tag)
  // Half a character does not survive copying, and the real parser refuses it.
  const read = kept === tag ? parse(kept, space, scope) : undefined
  if (read === undefined) return undefined
  scope.known.set(kept, read)
  remembered += 1
  return read
}

/** All in all, whatever the scope. */
const TAGS_MAX = 4_096
const TAG_LONGEST = 512
let remembered = 0

/** A piece of a text would hold on to all of it. */
const copied = (text: string): string => Buffer.from(text, "utf8").toString("utf8")

/** The real parser refuses more than these, or takes over. */
const ATTRIBUTES = 16
/** Prefixes that hold at one place; Exchange has some five. */
const NAMESPACES = 32

const SPACE = 32
const QUOTE = 34
const APOSTROPHE = 39
const SLASH = 47

const parse = (tag: string, space: number, outer: Scope): Tag | undefined => {
  const empty = tag.charCodeAt(tag.length - 1) === SLASH
  const content = empty ? tag.length - 1 : tag.length
  const name = nameOf(space >= 0 ? tag.slice(0, space) : empty ? tag.slice(0, content) : tag)
  if (name === undefined) return undefined
  const inside = space < 0 ? undefined : attributesOf(tag, space, content, outer)
  if (space >= 0 && inside === undefined) return undefined
  const scope = inside?.scope ?? outer
  const uri = scope.uris.get(name.prefix) ?? (name.prefix === "" ? "" : undefined)
  if (uri === undefined) return undefined
  const attributes = inside?.attributes ?? NO_ATTRIBUTES
  return { uri, local: name.local, attributes, empty, end: name.end, scope }
}

interface Inside {
  readonly attributes: Attributes
  readonly scope: Scope
}

/** Reads the part of a tag that begins with this space. */
const attributesOf = (tag: string, space: number, end: number, outer: Scope): Inside | undefined => {
  const isPlain = !SPECIAL.test(tag)
  if ((!isPlain && CHANGED.test(tag)) || !isXmlText(tag)) return undefined
  const names: Array<string> = []
  const values: Array<string> = []
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
    const mark = quote === QUOTE ? '"' : quote === APOSTROPHE ? "'" : undefined
    const close = mark === undefined ? -1 : tag.indexOf(mark, equals + 2)
    if (name === undefined || close < 0) return undefined
    const written = tag.slice(equals + 2, close)
    const value = isPlain ? written : plainText(written)
    if (value === undefined) return undefined
    at = close + 1
    if (name.declares !== undefined) {
      declared ??= new Map()
      if (declared.has(name.declares) || !isPlainNamespace(name.declares, value)) return undefined
      declared.set(name.declares, value)
      continue
    }
    // Two prefixes may stand for one namespace: the real parser knows.
    if (names.includes(name.local) || prefixes?.has(name.local)) return undefined
    if (name.prefix === "") {
      names.push(name.local)
      values.push(value)
    } else {
      prefixes ??= new Map()
      prefixes.set(name.local, name.prefix)
    }
  }
  // Each of these is a copy: many, in many elements, would cost the square of a document's length.
  if (declared !== undefined && outer.uris.size + declared.size > NAMESPACES) return undefined
  const scope =
    declared === undefined ? outer : { uris: new Map([...outer.uris, ...declared]), known: new Map() }
  for (const prefix of prefixes?.values() ?? []) if (!scope.uris.has(prefix)) return undefined
  return { attributes: names.length === 0 ? NO_ATTRIBUTES : new Attributes(names, values), scope }
}

const SPECIAL = /[&<\n\t]/
/** What may not be there, and white space that a parser changes. */
const CHANGED = /[<\n\t]/

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
  if (!NAME.test(text)) return undefined
  const whole = copied(text)
  const colon = whole.indexOf(":")
  const prefix = whole.slice(0, Math.max(0, colon))
  const local = whole.slice(colon + 1)
  const declares = prefix === "xmlns" ? local : whole === "xmlns" ? "" : undefined
  const name: Name = { prefix, local, end: `</${whole}>`, declares }
  if (NAMES.size < NAMES_MAX && whole.length <= NAME_LONGEST) NAMES.set(whole, name)
  return name
}

/** Names are few, and come again and again. */
const NAMES = new Map<string, Name>()
const NAMES_MAX = 1_000
const NAME_LONGEST = 64
const NAME = /^(?:[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*$/

/** The prefixes and namespaces that XML keeps for itself have rules of their own. */
const isPlainNamespace = (prefix: string, uri: string): boolean =>
  !prefix.startsWith("xml") &&
  (uri !== "" || prefix === "") &&
  !/\s/.test(uri) &&
  !uri.startsWith("http://www.w3.org/XML/") &&
  !uri.startsWith("http://www.w3.org/2000/xmlns")
