/** Levels of arrays and objects within each other that JSON of devices may have; what they send has one. */
export const DEPTH_MAX = 32
/** Values that it may have in all. */
export const VALUES_MAX = 1000

/** What JSON text looks like before it is parsed. */
export interface JsonShape {
  /** Small enough in depth and number of values to be parsed. */
  readonly isModest: boolean
  /** If the text is a modest object: how many keys are written in it, one that stands there twice counted twice. */
  readonly keys: number
}

/**
 * The shape of JSON text: one pass that looks at brackets, commas and colons outside strings and at nothing else, so
 * that what is no JSON may pass, too.
 */
export const shapeOf = (json: string): JsonShape => {
  let depth = 0
  let values = 1
  let keys = 0
  for (let i = 0; i < json.length; i++) {
    const character = json.charCodeAt(i)
    if (character === QUOTE) i = endOfString(json, i)
    else if (character === OPEN_OBJECT || character === OPEN_ARRAY) {
      values++
      if (++depth > DEPTH_MAX) return EXCESSIVE
    } else if (character === CLOSE_OBJECT || character === CLOSE_ARRAY) depth--
    else if (character === COMMA && ++values > VALUES_MAX) return EXCESSIVE
    else if (character === COLON && depth === 1) keys++
  }
  return { isModest: true, keys }
}

const EXCESSIVE: JsonShape = { isModest: false, keys: 0 }

/** Where the string that begins at `start` ends. */
const endOfString = (json: string, start: number): number => {
  let i = start + 1
  while (i < json.length && json.charCodeAt(i) !== QUOTE) i += json.charCodeAt(i) === BACKSLASH ? 2 : 1
  return i
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d]
