import { Either, Schema } from "effect"
import { CredentialsPayload } from "../../schemas/Credentials.ts"

/**
 * The credentials that a decrypted payload holds (contract section 2); undefined if it is no such JSON, or names a key twice:
 * blocks of others' payloads can be joined with own ones, and then the last of two would count.
 */
export const readContent = (text: string): CredentialsPayload | undefined => {
  const json = parsed(text)
  if (typeof json !== "object" || json === null || pairsIn(text) !== Object.keys(json).length)
    return undefined
  return Either.getOrUndefined(decode(json))
}

/** A payload of nobody with so many bytes or a few more. Reading it takes as long as reading a real one. */
export const decoyContent = (bytes: number): string => {
  const room = Math.max(0, bytes - BEGINNING.length - 2)
  return `${BEGINNING}${"A".repeat(room)}"}`
}

const BEGINNING = '{"emailAddress":"nobody@invalid","username":"nobody","password":"none","certificate":"'

const decode = Schema.decodeUnknownEither(CredentialsPayload)

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** How many `key: value` the outermost object of a JSON text has. */
const pairsIn = (text: string): number => {
  let pairs = 0
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (inString) {
      if (character === BACKSLASH) at++
      else if (character === QUOTE) inString = false
    } else if (character === QUOTE) inString = true
    else if (character === COLON) pairs += depth === 1 ? 1 : 0
    else if (character === OPEN_BRACE || character === OPEN_BRACKET) depth++
    else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) depth--
  }
  return pairs
}

const QUOTE = 0x22
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
