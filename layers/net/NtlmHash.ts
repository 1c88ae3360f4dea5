import { createHmac } from "node:crypto"
import md4 from "js-md4"
import { utf16 } from "./NtlmMessage.ts"

/**
 * NTOWFv2 (MS-NLMP 3.3.2): the key that stands for user, domain and password. 16 bytes, as good as the password: wipe them
 * after use.
 */
export const ntowfv2 = (user: string, domain: string, password: string): Buffer => {
  const secret = utf16(password)
  const hash = Buffer.from(md4.arrayBuffer(secret))
  try {
    return hmacMd5(hash, utf16(upperCase(user) + domain))
  } finally {
    // js-md4 keeps the last block in memory of its own, which the next message overwrites.
    md4.arrayBuffer(new Uint8Array())
    secret.fill(0)
    hash.fill(0)
  }
}

/** HMAC-MD5 over the parts in a row. */
export const hmacMd5 = (key: Buffer, ...parts: ReadonlyArray<Buffer>): Buffer => {
  const hmac = createHmac("md5", key)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}

/** NTProofStr: what proves the knowledge of the password to a server that sent this challenge (8 bytes). */
export const proofOf = (responseKey: Buffer, serverChallenge: Buffer, temp: Buffer): Buffer =>
  hmacMd5(responseKey, serverChallenge, temp)

/** SessionBaseKey of NTLMv2, which without a key exchange is the key of the MIC too. */
export const sessionKeyOf = (responseKey: Buffer, proof: Buffer): Buffer => hmacMd5(responseKey, proof)

/**
 * Upper case as Windows' table has it: unit by unit, so the length stays (ß has no capital), and only where lower case
 * leads back (ı and µ are their own capitals), but for the final sigma.
 */
export const upperCase = (text: string): string =>
  Array.from({ length: text.length }, (_, at) => {
    const unit = text.charAt(at)
    const upper = unit.toUpperCase()
    return upper.length === 1 && (upper.toLowerCase() === unit || unit === "ς") ? upper : unit
  }).join("")
