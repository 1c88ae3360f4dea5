import { Either } from "effect"
import { channelBindingOf } from "../../../layers/net/ChannelBinding.ts"
import * as Der from "../../../layers/net/Der.ts"
import { authenticate, negotiate, parseChallenge } from "../../../layers/net/Ntlm.ts"
import { Flag, MESSAGE_LIMIT, SIGNATURE } from "../../../layers/net/NtlmMessage.ts"
import { challenge, verify } from "../../../layers/net/NtlmServer.ts"
import { unwrapChallenge } from "../../../layers/net/Spnego.ts"
import { unwrapToken, wrapChallenge } from "../../../src/sandbox/Spnego.ts"
import { check, checkWords, own, type Target } from "../Target.ts"

const server = (domain: string) =>
  challenge({
    serverChallenge: Buffer.from("0123456789abcdef", "hex"),
    netbiosDomain: domain,
    netbiosComputer: "EX01",
    now: 1_700_000_000_000
  })
/** An answer without target information, as old servers give it. */
const bare = (): Buffer => {
  const message = Buffer.from(server("D"))
  message.writeUInt32LE((message.readUInt32LE(20) & ~Flag.targetInfo) >>> 0, 20)
  return message
}

/** Challenges of servers, in SPNEGO and without: each that can be read can be answered, and our own server takes the answer. */
export const target: Target = {
  name: "ntlm",
  form: "der",
  words: [
    SIGNATURE.toString("latin1"),
    "\x02\0\0\0",
    "\0\0\0\0",
    "\xff\xff",
    "\x0a\0\x10\0",
    "\x07\0\x08\0",
    "\xa1\x82",
    "\x0a\x01\x02"
  ],
  seeds: () =>
    own(
      ...["EXAMPLE", "Ä".repeat(100), ""].flatMap((name) => [server(name), wrapChallenge(server(name))]),
      bare()
    ),
  run: (input) => {
    const unwrapped = unwrapChallenge(input)
    if (Either.isLeft(unwrapped)) checkWords(unwrapped.left, "the reason", 60)
    else answer(unwrapped.right)
    answer(input)
    // The rest is only given what a header or a certificate has room for.
    if (input.length > 65_536) return
    unwrapToken(input)
    for (const { body } of Der.readAll(input) ?? [])
      check(body.length < input.length, "an element lies inside")
    check(channelBindingOf({ raw: input }).length === 16, "a channel binding has 16 bytes")
  }
}

const answer = (bytes: Buffer) => {
  const parsed = parseChallenge(bytes)
  if (Either.isLeft(parsed)) {
    checkWords(parsed.left, "the reason", 60)
    return
  }
  const first = negotiate()
  const message = authenticate({
    challenge: parsed.right,
    negotiate: first,
    user: "EXAMPLE\\ann",
    domain: undefined,
    password: "secret",
    channelBinding: Buffer.alloc(16, 1),
    targetName: "HTTP/mail.example.com",
    random: Buffer.alloc(8, 2),
    now: 1_700_000_000_000
  })
  if (message.length > MESSAGE_LIMIT) return
  const taken = verify(message, {
    negotiate: first,
    challenge: parsed.right.message,
    passwordOf: () => "secret"
  })
  check(Either.isRight(taken), `the answer is taken: ${Either.isLeft(taken) ? taken.left : ""}`)
}
