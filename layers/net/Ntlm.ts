import { Either } from "effect"
import { hmacMd5, ntowfv2, proofOf, sessionKeyOf } from "./NtlmHash.ts"
import { assemble, Flag, fileTime, messageType, payload, utf16, VERSION } from "./NtlmMessage.ts"
import { AV_FLAG_MIC, AvId, type AvPair, avFlags, parsePairs, valueOf, writePairs } from "./NtlmTargetInfo.ts"

/** What a server's CHALLENGE_MESSAGE says (MS-NLMP 2.2.1.2). */
export interface Challenge {
  /** All of it, as received. */
  readonly message: Buffer
  readonly flags: number
  /** 8 bytes. */
  readonly serverChallenge: Buffer
  readonly targetInfo: ReadonlyArray<AvPair>
}

/** What the answer to a challenge is made of. */
export interface Answer {
  readonly challenge: Challenge
  /** The first message, as sent. */
  readonly negotiate: Buffer
  /** A name, `DOMAIN\name`, or `name@domain`, which goes with an empty domain. */
  readonly user: string
  readonly domain: string | undefined
  readonly password: string
  readonly workstation?: string
  /** 16 bytes, see `ChannelBinding.ts`; undefined = none is claimed, which servers that require one refuse. */
  readonly channelBinding: Buffer | undefined
  /** Service principal name, `HTTP/mail.example.com`; servers behind a TLS terminator may look at it. */
  readonly targetName?: string
  /** 8 random bytes. */
  readonly random: Buffer
  /** Milliseconds since 1970; used if the server tells no time. */
  readonly now: number
}

/** NEGOTIATE_MESSAGE (MS-NLMP 2.2.1.1): 40 bytes, the same for everybody. */
export const negotiate = (): Buffer =>
  assemble(1, 40, (head) => {
    head.writeUInt32LE(OFFERED, 12)
    VERSION.copy(head, 32)
  })

/** Reads a server's CHALLENGE_MESSAGE; says what is wrong with one that cannot be answered. Never throws. */
export const parseChallenge = (bytes: Uint8Array): Either.Either<Challenge, string> => {
  // A copy, because whose memory this is, and for how long, is unknown.
  const message = Buffer.from(bytes)
  const type = messageType(message)
  if (type !== 2 || message.length < 32) return Either.left("no NTLM challenge")
  const flags = message.readUInt32LE(20)
  if ((flags & Flag.unicode) === 0) return Either.left("the server does not speak Unicode")
  const info = (flags & Flag.targetInfo) === 0 ? Buffer.alloc(0) : payload(message, 40)
  const targetInfo = info && parsePairs(info)
  if (targetInfo === undefined) return Either.left("the NTLM challenge is cut off")
  return Either.right({ message, flags, serverChallenge: message.subarray(24, 32), targetInfo })
}

/**
 * AUTHENTICATE_MESSAGE (MS-NLMP 2.2.1.3) with an NTLMv2 response (3.3.2) and a MIC over the three messages (3.1.5.1.2);
 * never an LM or NTLMv1 response. Holds nothing secret but the proof.
 */
export const authenticate = (answer: Answer): Buffer => {
  const { challenge } = answer
  const { domain, user } = accountOf(answer.user, answer.domain)
  const time = valueOf(challenge.targetInfo, AvId.timestamp)
  const temp = tempOf(answer, time?.length === 8 ? time : fileTime(answer.now))
  const responseKey = ntowfv2(user, domain, answer.password)
  const proof = proofOf(responseKey, challenge.serverChallenge, temp)
  const sessionKey = sessionKeyOf(responseKey, proof)
  try {
    const message = assemble(
      3,
      MIC_AT + MIC_SIZE,
      (head) => {
        head.writeUInt32LE(
          (OFFERED & challenge.flags) | (challenge.flags & Flag.targetInfo) | Flag.version,
          60
        )
        VERSION.copy(head, 64)
      },
      [
        { at: 28, bytes: name(domain) },
        { at: 36, bytes: name(user) },
        { at: 44, bytes: name(answer.workstation ?? "") },
        // An LM response of zeros says that there is none.
        { at: 12, bytes: Buffer.alloc(24) },
        { at: 20, bytes: Buffer.concat([proof, temp]) },
        { at: 52, bytes: Buffer.alloc(0) }
      ]
    )
    hmacMd5(sessionKey, answer.negotiate, challenge.message, message).copy(message, MIC_AT)
    return message
  } finally {
    responseKey.fill(0)
    sessionKey.fill(0)
  }
}

/** User and domain as they go into the messages. */
export const accountOf = (
  user: string,
  domain: string | undefined
): { readonly user: string; readonly domain: string } => {
  const slash = user.indexOf("\\")
  return slash < 0
    ? { user, domain: domain ?? "" }
    : { user: user.slice(slash + 1), domain: user.slice(0, slash) }
}

/** Where the MIC stands in an AUTHENTICATE_MESSAGE. */
export const MIC_AT = 72
export const MIC_SIZE = 16

const OFFERED =
  Flag.unicode |
  Flag.requestTarget |
  Flag.ntlm |
  Flag.alwaysSign |
  Flag.extendedSessionSecurity |
  Flag.version |
  Flag.key128

/** No real name is longer, and a message has no room for any length. */
const name = (text: string) => utf16(text.slice(0, 1024))

/** NTLMv2_CLIENT_CHALLENGE (MS-NLMP 2.2.2.7) with the zeros behind it. */
const tempOf = (answer: Answer, time: Buffer): Buffer => {
  const { targetInfo } = answer.challenge
  const flags = Buffer.alloc(4)
  flags.writeUInt32LE((avFlags(targetInfo) | AV_FLAG_MIC) >>> 0)
  const own: ReadonlyArray<AvPair> = [
    { id: AvId.flags, value: flags },
    ...(answer.channelBinding === undefined
      ? []
      : [{ id: AvId.channelBinding, value: answer.channelBinding }]),
    ...(answer.targetName === undefined ? [] : [{ id: AvId.targetName, value: name(answer.targetName) }])
  ]
  const ours: ReadonlyArray<number> = [AvId.flags, AvId.channelBinding, AvId.targetName]
  const pairs = writePairs([...targetInfo.filter(({ id }) => !ours.includes(id)), ...own])
  return Buffer.concat([
    Buffer.from([1, 1, 0, 0, 0, 0, 0, 0]),
    time,
    answer.random,
    Buffer.alloc(4),
    pairs,
    Buffer.alloc(4)
  ])
}
