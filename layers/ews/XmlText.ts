/** Replaces what XML 1.0 cannot hold in any form (its production Char) by U+FFFD. */
export const xmlCharacters = (text: string): string =>
  SUSPECT.test(text) ? text.replace(FORBIDDEN, "\uFFFD") : text

/** Whether XML 1.0 can hold all of it. */
export const isXmlText = (text: string): boolean => !SUSPECT.test(text) || xmlCharacters(text) === text

/** Text for element content and for attributes in double quotes; survives a reader's normalisation of white space. */
export const escaped = (text: string): string =>
  xmlCharacters(text).replace(/[&<>"'\t\n\r]/g, (character) => ESCAPES.get(character)!)

const FORBIDDEN = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu
/** What is forbidden, and the halves of all characters beyond 0xffff: half as dear to look for. */
const SUSPECT = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/

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
