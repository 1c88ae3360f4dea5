import { constants, createPublicKey, publicEncrypt } from "node:crypto"

/** How the user of a device logs in to Exchange. */
export interface DeviceLogin {
  readonly username?: string
  readonly password?: string
  readonly domain?: string
  readonly accessToken?: string
  /** ISO 8601. */
  readonly accessTokenExpiresAt?: string
  /** PKCS#12 in base64. */
  readonly certificate?: string
  readonly certificatePassword?: string
}

/** The `authType` that goes with a log-in. */
export const authTypeOf = (login: DeviceLogin): "Basic" | "OAuth" | "Certificate" | "Dual" => {
  if (login.certificate === undefined) return login.accessToken === undefined ? "Basic" : "OAuth"
  return login.accessToken === undefined && login.password === undefined ? "Certificate" : "Dual"
}

/** What goes into the encrypted part of a registration (contract section 2). */
export interface DevicePayload extends DeviceLogin {
  readonly emailAddress: string
  readonly ewsUrl?: string
  readonly deviceToken?: string
  /** ISO 8601. */
  readonly issuedAt?: string
}

/** The payload as the app sends it: RSA PKCS#1 v1.5 over pieces of key size − 11 bytes, joined, base64. */
export const encryptPayload = (publicKey: string, payload: DevicePayload): string => {
  const key = createPublicKey({ key: Buffer.from(publicKey, "base64"), format: "der", type: "spki" })
  const size = (key.asymmetricKeyDetails?.modulusLength ?? 2048) / 8 - PADDING
  const plain = Buffer.from(JSON.stringify(payload), "utf8")
  const blocks: Array<Buffer> = []
  for (let start = 0; start < plain.length; start += size)
    blocks.push(
      publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, plain.subarray(start, start + size))
    )
  return Buffer.concat(blocks).toString("base64")
}

/** Bytes that PKCS#1 v1.5 padding takes at least. */
const PADDING = 11
