import * as Der from "../../layers/net/Der.ts"

/**
 * The NTLM message in a client's SPNEGO token: the mechToken of a NegTokenInit or the responseToken of a NegTokenResp
 * (RFC 4178, 4.2); undefined if there is none.
 */
export const unwrapToken = (token: Buffer): Buffer | undefined => {
  const initial = Der.readAll(Der.contents(token, APPLICATION) ?? Buffer.alloc(0))
  const choice = initial === undefined ? undefined : Der.find(initial, FIELD_0)
  const sequence = Der.contents(choice ?? Der.contents(token, FIELD_1), SEQUENCE)
  const fields = sequence && Der.readAll(sequence)
  return fields && Der.contents(Der.find(fields, FIELD_2), OCTETS)
}

/** NegTokenResp around a CHALLENGE_MESSAGE: NTLM is the mechanism, the log-in goes on. */
export const wrapChallenge = (challenge: Buffer): Buffer =>
  response(ACCEPT_INCOMPLETE, Der.write(FIELD_1, NTLMSSP), Der.write(FIELD_2, Der.write(OCTETS, challenge)))

/** NegTokenResp of a log-in that is over. */
export const accepted = (): Buffer => response(ACCEPT_COMPLETED)

const response = (state: number, ...more: ReadonlyArray<Buffer>): Buffer =>
  Der.write(
    FIELD_1,
    Der.write(SEQUENCE, Der.write(FIELD_0, Der.write(ENUMERATED, Buffer.from([state]))), ...more)
  )

const SEQUENCE = 0x30
const OCTETS = 0x04
const ENUMERATED = 0x0a
const APPLICATION = 0x60
const FIELD_0 = 0xa0
const FIELD_1 = 0xa1
const FIELD_2 = 0xa2
const ACCEPT_COMPLETED = 0
const ACCEPT_INCOMPLETE = 1

/** 1.3.6.1.4.1.311.2.2.10 */
const NTLMSSP = Buffer.from("060a2b06010401823702020a", "hex")
