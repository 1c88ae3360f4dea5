/** Levels of arrays and objects within each other that a request's JSON may have; what devices send has one. */
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
 * The shape of JSON text (UTF-8): one pass that looks at brackets, commas and colons outside strings and at nothing else, so
 * that what is no JSON may pass, too.
 */
export const shapeOf = (json: Uint8Array): JsonShape => {
  let depth = 0
  let values = 1
  let keys = 0
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]
    if (byte === QUOTE) i = endOfString(json, i)
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      values++
      if (++depth > DEPTH_MAX) return EXCESSIVE
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth--
    else if (byte === COMMA && ++values > VALUES_MAX) return EXCESSIVE
    else if (byte === COLON && depth === 1) keys++
  }
  return { isModest: true, keys }
}

const EXCESSIVE: JsonShape = { isModest: false, keys: 0 }

/** Where the string that begins at `start` ends. */
const endOfString = (json: Uint8Array, start: number): number => {
  let i = start + 1
  while (i < json.length && json[i] !== QUOTE) i += json[i] === BACKSLASH ? 2 : 1
  return i
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d]
