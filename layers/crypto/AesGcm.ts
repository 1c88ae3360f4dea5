import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from "node:crypto"

const NONCE = 12
const TAG = 16
const ALGORITHM = "aes-256-gcm"

/** Bytes that sealing adds: nonce and tag. */
export const AES_GCM_OVERHEAD = NONCE + TAG

/** AES-256-GCM under a fresh random nonce: nonce, ciphertext, tag. `bound` must be given again to open. */
export const seal = (key: KeyObject, plain: Uint8Array, bound: Uint8Array): Buffer => {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG }).setAAD(bound)
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** The opposite of `seal`; undefined for another key, other bound bytes or a changed bit. The caller wipes the result. */
export const open = (key: KeyObject, sealed: Uint8Array, bound: Uint8Array): Buffer | undefined => {
  if (sealed.length < AES_GCM_OVERHEAD) return undefined
  const end = sealed.length - TAG
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE), { authTagLength: TAG })
    .setAAD(bound)
    .setAuthTag(sealed.subarray(end))
  const plain = decipher.update(sealed.subarray(NONCE, end))
  try {
    decipher.final()
    return plain
  } catch {
    plain.fill(0)
    return undefined
  }
}
