import { Either, Schema } from "effect"
import { CredentialsPayload } from "../../schemas/Credentials.ts"
import { shapeOf } from "./JsonShape.ts"

/**
 * The credentials that a decrypted payload holds (contract section 2); undefined if it is no such JSON, or names a key twice:
 * blocks of others' payloads can be joined with own ones, and then the last of two would count.
 */
export const readContent = (text: string): CredentialsPayload | undefined => {
  const { isModest, keys } = shapeOf(text)
  const json = isModest ? parsed(text) : undefined
  if (typeof json !== "object" || json === null || keys !== Object.keys(json).length) return undefined
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
