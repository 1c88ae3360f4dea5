/** Replaces what XML 1.0 cannot hold in any form (its production Char) by U+FFFD. */
export const xmlCharacters = (text: string): string =>
  FORBIDDEN_SOMEWHERE.test(text) ? text.replace(FORBIDDEN, "\uFFFD") : text

/** Text for element content and for attributes in double quotes; survives a reader's normalisation of white space. */
export const escaped = (text: string): string =>
  xmlCharacters(text).replace(/[&<>"'\t\n\r]/g, (character) => ESCAPES.get(character)!)

const CHAR_COMPLEMENT = "[^\\t\\n\\r\\u{20}-\\u{d7ff}\\u{e000}-\\u{fffd}\\u{10000}-\\u{10ffff}]"
const FORBIDDEN = new RegExp(CHAR_COMPLEMENT, "gu")
const FORBIDDEN_SOMEWHERE = new RegExp(CHAR_COMPLEMENT, "u")

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&apos;"],
  ["\t", "&#9;"],
  ["\n", "&#10;"],
  ["\r", "&#13;"]
])
