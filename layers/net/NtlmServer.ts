import { timingSafeEqual } from "node:crypto"
import { Either } from "effect"
import { MIC_AT, MIC_SIZE } from "./Ntlm.ts"
import { hmacMd5, ntowfv2, proofOf, sessionKeyOf } from "./NtlmHash.ts"
import { assemble, Flag, fileTime, messageType, payload, utf16, VERSION } from "./NtlmMessage.ts"
import { AV_FLAG_MIC, AvId, avFlags, parsePairs, valueOf, writePairs } from "./NtlmTargetInfo.ts"

/** What a server tells of itself. */
export interface Target {
  /** 8 random bytes. */
  readonly serverChallenge: Buffer
  readonly netbiosDomain: string
  readonly netbiosComputer: string
  /** Milliseconds since 1970. */
  readonly now: number
}

/** Who has logged in. */
export interface LoggedIn {
  readonly user: string
  readonly domain: string
  /** The channel binding that the client claims; undefined or zeros if none. */
  readonly channelBinding: Buffer | undefined
}

/** The other two messages of a log-in, and whose password it takes. */
export interface Dialogue {
  /** As received. */
  readonly negotiate: Buffer
  /** As sent. */
  readonly challenge: Buffer
  /** undefined = there is no such user. */
  readonly passwordOf: (user: string, domain: string) => string | undefined
}

/** Whether these bytes are a NEGOTIATE_MESSAGE. */
export const isNegotiate = (bytes: Buffer): boolean => messageType(bytes) === 1

/** CHALLENGE_MESSAGE (MS-NLMP 2.2.1.2) of a member of a domain, for stand-ins. */
export const challenge = (target: Target): Buffer =>
  assemble(
    2,
    56,
    (head) => {
      head.writeUInt32LE(FLAGS, 20)
      target.serverChallenge.copy(head, 24)
      VERSION.copy(head, 48)
    },
    [
      { at: 12, bytes: utf16(target.netbiosDomain) },
      {
        at: 40,
        bytes: writePairs([
          { id: AvId.netbiosDomain, value: utf16(target.netbiosDomain) },
          { id: AvId.netbiosComputer, value: utf16(target.netbiosComputer) },
          { id: AvId.timestamp, value: fileTime(target.now) }
        ])
      }
    ]
  )

/**
 * Checks an AUTHENTICATE_MESSAGE: the NTLMv2 proof, and the MIC, without which nobody gets in. Says why it is refused;
 * never throws.
 */
export const verify = (message: Buffer, dialogue: Dialogue): Either.Either<LoggedIn, string> => {
  const response = payload(message, 20)
  const [domain, user] = [28, 36].map((at) => payload(message, at)?.toString("utf16le"))
  if (messageType(message) !== 3 || message.length < MIC_AT + MIC_SIZE) return Either.left("no NTLM answer")
  if (response === undefined || user === undefined || domain === undefined) return Either.left("cut off")
  const pairs = response.length < PAIRS_AT ? undefined : parsePairs(response.subarray(PAIRS_AT))
  if (pairs === undefined) return Either.left("no NTLMv2 response")
  const password = dialogue.passwordOf(user, domain)
  if (password === undefined) return Either.left("no such user")
  const responseKey = ntowfv2(user, domain, password)
  const serverChallenge = dialogue.challenge.subarray(24, 32)
  const proof = proofOf(responseKey, serverChallenge, response.subarray(PROOF_SIZE))
  if (!timingSafeEqual(proof, response.subarray(0, PROOF_SIZE))) return Either.left("wrong password")
  if ((avFlags(pairs) & AV_FLAG_MIC) === 0) return Either.left("no MIC")
  const unsigned = Buffer.from(message).fill(0, MIC_AT, MIC_AT + MIC_SIZE)
  const mic = hmacMd5(sessionKeyOf(responseKey, proof), dialogue.negotiate, dialogue.challenge, unsigned)
  return timingSafeEqual(mic, message.subarray(MIC_AT, MIC_AT + MIC_SIZE))
    ? Either.right({ user, domain, channelBinding: valueOf(pairs, AvId.channelBinding) })
    : Either.left("wrong MIC")
}

const FLAGS =
  Flag.unicode |
  Flag.requestTarget |
  Flag.ntlm |
  Flag.alwaysSign |
  Flag.targetIsDomain |
  Flag.extendedSessionSecurity |
  Flag.targetInfo |
  Flag.version |
  Flag.key128

const PROOF_SIZE = 16
/** Attributes begin behind the proof and the fixed part of the client's challenge. */
const PAIRS_AT = PROOF_SIZE + 28
