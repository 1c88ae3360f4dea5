import { plainText } from "./PlainText.ts"
import type { SoapElement } from "./SoapReader.ts"
import { NO_NAMESPACES, readTag, type Tag } from "./XmlTags.ts"

/**
 * Reads XML as Exchange writes it: elements, attributes, namespaces, and text with XML's own entities, in which all names
 * are of ASCII. Several times as fast as the real parser, and undefined whenever there is anything else, or anything wrong:
 * then the real parser decides. What it does read, both read alike.
 */
export const readPlainXml = (text: string): SoapElement | undefined => {
  // What text may not hold, and line ends that a parser changes.
  if (text.includes("]]>") || text.includes("\r")) return undefined
  const open: Array<Growing> = []
  const tags: Array<Tag> = []
  let inner: Growing | undefined
  let tag: Tag | undefined
  let root: Growing | undefined
  let elements = 0
  let at = 0
  while (text.charCodeAt(at) === LESS) {
    if (text.charCodeAt(at + 1) === SLASH) {
      if (tag === undefined || !text.startsWith(tag.end, at)) return undefined
      at += tag.end.length
      open.pop()
      tags.pop()
      inner = open[open.length - 1]
      tag = tags[tags.length - 1]
    } else {
      const end = text.indexOf(">", at)
      const opened = end < 0 ? undefined : readTag(text.slice(at + 1, end), tag?.scope ?? NO_NAMESPACES)
      if (opened === undefined || ++elements > ELEMENTS) return undefined
      const { attributes, local, uri } = opened
      const element: Growing = { uri, local, attributes, children: NO_CHILDREN, text: "" }
      if (inner !== undefined) {
        if (inner.children === NO_CHILDREN) inner.children = [element]
        else inner.children.push(element)
      } else if (root === undefined) root = element
      else return undefined
      if (!opened.empty) {
        if (open.push(element) > DEPTH) return undefined
        tags.push(opened)
        inner = element
        tag = opened
      }
      at = end + 1
    }
    const next = text.indexOf("<", at)
    if (next === at) continue
    const piece = plainText(next < 0 ? text.slice(at) : text.slice(at, next))
    if (piece === undefined) return undefined
    if (inner !== undefined) inner.text += piece
    // Outside of the root there may only be white space.
    else if (!/^[ \t\n]*$/.test(piece)) return undefined
    at = next < 0 ? text.length : next
  }
  return inner === undefined && at === text.length ? root : undefined
}

/** The real parser refuses more than these. */
const DEPTH = 48
const ELEMENTS = 20_000

const SLASH = 47
const LESS = 60

interface Growing extends SoapElement {
  children: Array<Growing>
  text: string
}

/** Most elements have none, and share this, to which nothing is ever added. */
const NO_CHILDREN: Array<Growing> = []
