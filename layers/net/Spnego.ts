import { Either } from "effect"
import * as Der from "./Der.ts"
import { MESSAGE_LIMIT } from "./NtlmMessage.ts"

/** First message of a client that speaks NTLM only: NegTokenInit (RFC 4178, 4.2.1) around a NEGOTIATE_MESSAGE. */
export const wrapNegotiate = (negotiate: Buffer): Buffer =>
  Der.write(
    APPLICATION,
    SPNEGO,
    Der.write(
      FIELD_0,
      Der.write(SEQUENCE, Der.write(FIELD_0, MECHANISMS), Der.write(FIELD_2, Der.write(OCTETS, negotiate)))
    )
  )

/** Second message: NegTokenResp (RFC 4178, 4.2.2) around an AUTHENTICATE_MESSAGE. */
export const wrapAuthenticate = (authenticate: Buffer): Buffer =>
  Der.write(FIELD_1, Der.write(SEQUENCE, Der.write(FIELD_2, Der.write(OCTETS, authenticate))))

/**
 * The CHALLENGE_MESSAGE in a server's NegTokenResp. Servers may also leave the wrapping off, so NTLM as it is passes. Says
 * what is wrong with anything else; never throws.
 */
export const unwrapChallenge = (token: Uint8Array): Either.Either<Buffer, string> => {
  if (token.length > TOKEN_LIMIT) return Either.left("no SPNEGO answer")
  const bytes = Buffer.from(token)
  if (bytes.subarray(0, 7).toString("latin1") === "NTLMSSP") return Either.right(bytes)
  const sequence = Der.contents(Der.contents(bytes, FIELD_1), SEQUENCE)
  const fields = sequence && Der.readAll(sequence)
  if (fields === undefined) return Either.left("no SPNEGO answer")
  const state = Der.contents(Der.find(fields, FIELD_0), ENUMERATED)
  if (state?.[0] === REJECTED) return Either.left("the server refuses NTLM")
  const challenge = Der.contents(Der.find(fields, FIELD_2), OCTETS)
  return challenge === undefined ? Either.left("no token in the SPNEGO answer") : Either.right(challenge)
}

/** Longer ones are not read: what is in them would not be either. */
const TOKEN_LIMIT = 4 * MESSAGE_LIMIT

const SEQUENCE = 0x30
const OCTETS = 0x04
const ENUMERATED = 0x0a
const APPLICATION = 0x60
const FIELD_0 = 0xa0
const FIELD_1 = 0xa1
const FIELD_2 = 0xa2
const REJECTED = 2

/** 1.3.6.1.5.5.2 */
const SPNEGO = Buffer.from("06062b0601050502", "hex")
/** A list of NTLMSSP alone (1.3.6.1.4.1.311.2.2.10). */
const MECHANISMS = Der.write(SEQUENCE, Buffer.from("060a2b06010401823702020a", "hex"))
