import { isXmlText } from "./XmlText.ts"

/** Text without its references; undefined where one is not XML's own, and for text that XML cannot hold. */
export const plainText = (text: string): string | undefined => {
  if (!isXmlText(text)) return undefined
  let at = text.indexOf("&")
  if (at < 0) return text
  let decoded = ""
  let from = 0
  while (at >= 0) {
    const end = text.indexOf(";", at)
    const character = end < 0 || end - at > LONGEST ? undefined : characterOf(text.slice(at + 1, end))
    if (character === undefined) return undefined
    decoded += text.slice(from, at) + character
    from = end + 1
    at = text.indexOf("&", from)
  }
  return decoded + text.slice(from)
}

/** `&#1114111;` and some zeros. */
const LONGEST = 10

const characterOf = (reference: string): string | undefined => {
  const entity = ENTITIES.get(reference)
  if (entity !== undefined) return entity
  const [, hex, decimal] = /^#(?:x([0-9a-fA-F]+)|([0-9]+))$/.exec(reference) ?? []
  if (hex === undefined && decimal === undefined) return undefined
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
