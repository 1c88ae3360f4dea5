import { randomBytes } from "node:crypto"
import type { Socket } from "node:net"
import { Either, Redacted } from "effect"
import { ConnectError } from "./ConnectError.ts"
import type { EgressProxy } from "./EgressProxy.ts"
import * as Ntlm from "./Ntlm.ts"
import { ProxyLine } from "./ProxyLine.ts"
import type { ProxyReply } from "./ProxyReply.ts"
import * as Spnego from "./Spnego.ts"

/**
 * A connection through a proxy (HTTP CONNECT, RFC 9110 9.3.6) to `authority` (`host:port`, IPv6 in brackets), with the
 * log-in that the proxy asks for: of NTLM, Negotiate (NTLM in SPNEGO) and Basic the first that it offers, because the way
 * to the proxy is in clear. Rejects with `ConnectError`; the signal ends all of it.
 */
export const openTunnel = async (
  proxy: EgressProxy,
  authority: string,
  signal: AbortSignal
): Promise<Socket> => {
  const line = new ProxyLine(proxy, authority, signal)
  try {
    const first = await line.ask()
    const last = first.status === 407 ? await logIn(line, first, proxy) : first
    if (last.status < 200 || last.status > 299) throw refusal(last.status)
    return line.release()
  } catch (error) {
    line.close()
    throw error
  }
}

const logIn = (line: ProxyLine, { offers }: ProxyReply, proxy: EgressProxy): Promise<ProxyReply> => {
  if (proxy.logIn === undefined)
    throw loginError("the proxy wants a log-in (407), and the settings have none")
  const { password, user } = Redacted.value(proxy.logIn)
  const offered = offers.map(schemeOf)
  if (offered.includes("ntlm")) return byNtlm(line, PLAIN, user, password)
  if (offered.includes("negotiate")) return byNtlm(line, WRAPPED, user, password)
  if (offered.includes("basic")) return line.ask(`Basic ${base64(Buffer.from(`${user}:${password}`))}`)
  throw loginError("the proxy offers neither NTLM nor Basic for logging in (407)")
}

/** NTLM, or Negotiate around it. */
interface Wrapping {
  readonly scheme: "NTLM" | "Negotiate"
  readonly negotiate: (message: Buffer) => Buffer
  readonly challenge: (token: Buffer) => Either.Either<Buffer, string>
  readonly authenticate: (message: Buffer) => Buffer
}

const PLAIN: Wrapping = {
  scheme: "NTLM",
  negotiate: (message) => message,
  challenge: Either.right,
  authenticate: (message) => message
}
const WRAPPED: Wrapping = {
  scheme: "Negotiate",
  negotiate: Spnego.wrapNegotiate,
  challenge: Spnego.unwrapChallenge,
  authenticate: Spnego.wrapAuthenticate
}

const byNtlm = async (
  line: ProxyLine,
  wrapping: Wrapping,
  user: string,
  password: string
): Promise<ProxyReply> => {
  const { scheme } = wrapping
  const negotiate = Ntlm.negotiate()
  const reply = await line.ask(`${scheme} ${base64(wrapping.negotiate(negotiate))}`)
  if (reply.status !== 407) return reply
  const offer = reply.offers.find((one) => schemeOf(one) === scheme.toLowerCase())
  const token = offer?.split(/\s+/)[1]
  if (token === undefined) throw refusal(407)
  const challenge = Either.flatMap(wrapping.challenge(Buffer.from(token, "base64")), Ntlm.parseChallenge)
  if (Either.isLeft(challenge)) throw loginError(`the proxy's log-in cannot be answered: ${challenge.left}`)
  const message = Ntlm.authenticate({
    challenge: challenge.right,
    negotiate,
    user,
    domain: undefined,
    password,
    // There is no TLS on the way to the proxy that it could be bound to.
    channelBinding: undefined,
    random: randomBytes(8),
    // undici calls this from outside of any Effect, so there is no other clock.
    now: Date.now()
  })
  return line.answer(`${scheme} ${base64(wrapping.authenticate(message))}`)
}

const refusal = (status: number): ConnectError => {
  // tinyproxy answers a wrong password with 401.
  if (status === 407 || status === 401) return loginError(`the proxy refused the log-in (${status})`)
  if (status === 403) return new ConnectError("ENS_PROXY_REFUSED", "the proxy does not allow this host (403)")
  return status >= 500
    ? new ConnectError("ENS_PROXY_UNREACHABLE", `the proxy cannot reach the host (${status})`)
    : new ConnectError("ENS_PROXY_REFUSED", `the proxy refuses the connection (${status})`)
}

const loginError = (message: string) => new ConnectError("ENS_PROXY_LOGIN", message)
const schemeOf = (offer: string) => offer.split(/[\s,]/)[0]?.toLowerCase() ?? ""
const base64 = (bytes: Buffer) => bytes.toString("base64")
