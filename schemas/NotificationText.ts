/** What a phone shows of a notification. A part that is absent is not shown. */
export interface NotificationText {
  readonly title?: string
  readonly subtitle?: string
  readonly body?: string
}

/**
 * Makes text from a mail fit to be shown: whole characters, no control characters, no direction overrides (they make
 * `exe.fdp` read as `pdf.exe`). Line breaks stay in a body and become spaces elsewhere. Undefined when nothing is left.
 * Looks at no more than `TEXT_MAX` UTF-16 units, because longer text is cut later anyway.
 */
export const cleanText = (text: string | undefined, lines: "one" | "many"): string | undefined => {
  if (text === undefined) return undefined
  const clean = wholeStart(text, TEXT_MAX)
    .toWellFormed()
    .replace(DIRECTION_OVERRIDES, "")
    .replace(LINE_BREAKS, lines === "many" ? "\n" : " ")
    .replace(lines === "many" ? CONTROLS : CONTROLS_AND_TABS, " ")
    .trim()
  return clean === "" ? undefined : clean
}

/** UTF-8 bytes that the text takes inside a JSON string. */
export const jsonBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text), "utf8") - 2

/**
 * The longest start of the text that takes at most so many bytes inside a JSON string and splits no visible character
 * (only a first character that is itself too long, a heap of accents, is split between code points).
 */
export const cutText = (text: string, bytes: number): string => {
  const visible = startOf(CHARACTERS.segment(text), (one) => one.segment, bytes)
  return visible === "" ? startOf(text, (one) => one, bytes) : visible
}

export const TEXT_MAX = 4096

const DIRECTION_OVERRIDES = /[\u202d\u202e]/g
const LINE_BREAKS = /\r\n|[\n\r\u0085\u2028\u2029]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
const CONTROLS_AND_TABS = /[\u0000-\u001f\u007f-\u009f]/g

const CHARACTERS = new Intl.Segmenter("und", { granularity: "grapheme" })

const startOf = <A>(parts: Iterable<A>, textOf: (part: A) => string, bytes: number): string => {
  let start = ""
  let used = 0
  for (const part of parts) {
    const text = textOf(part)
    used += jsonBytes(text)
    if (used > bytes) break
    start += text
  }
  return start
}

const wholeStart = (text: string, units: number): string => {
  if (text.length <= units) return text
  const splitsPair =
    /[\ud800-\udbff]/.test(text.charAt(units - 1)) && /[\udc00-\udfff]/.test(text.charAt(units))
  return text.slice(0, splitsPair ? units - 1 : units)
}
