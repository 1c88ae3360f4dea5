import { randomBytes } from "node:crypto"
import type { Socket } from "node:net"
import { Clock, Effect, Either } from "effect"
import type { Credentials } from "../../schemas/Credentials.ts"
import { channelBindingOf } from "../net/ChannelBinding.ts"
import * as Ntlm from "../net/Ntlm.ts"
import { rawPeerCertificateOf } from "../net/PeerCertificate.ts"
import * as Spnego from "../net/Spnego.ts"
import { accountNameOf } from "./Authentication.ts"
import type { Connection } from "./Connection.ts"
import { HttpFailure } from "./HttpPost.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"

/** Who logs in by NTLM, over which connection and how. */
export interface NtlmLogIn {
  /** `Negotiate`: the messages are wrapped into SPNEGO. */
  readonly scheme: "NTLM" | "Negotiate"
  readonly connection: Connection
  readonly credentials: Credentials
  /** Whether the log-in is bound to the TLS channel; not where something in front of the host ends TLS. */
  readonly bound: boolean
  /** Of the URL. */
  readonly hostname: string
  /** Sends the caller's request with this header; on this socket or not at all (`moved`) if one is given. */
  readonly send: (leg: NtlmLeg) => Effect.Effect<HttpAnswer, HttpFailure>
}

export interface NtlmLeg {
  readonly authorization: string
  /** With the request's body; otherwise empty. */
  readonly whole: boolean
  readonly socket?: Socket
}

export type NtlmOutcome =
  /** The log-in was sent in full with the request; a 401 refuses it. */
  | { readonly _tag: "Sent"; readonly answer: HttpAnswer }
  /** The answer to the first message was no challenge; nothing that proves anything was sent. */
  | { readonly _tag: "NoChallenge"; readonly answer: HttpAnswer }
  /** The challenge cannot be answered. */
  | { readonly _tag: "Unusable"; readonly reason: string }

/**
 * NTLM over HTTP (MS-NTHT): an empty request with the first message, whose 401 brings the challenge, then the request
 * itself with the answer to it. All of it must be on one socket, which the server then knows as the user's.
 */
export const ntlmHandshake = (logIn: NtlmLogIn): Effect.Effect<NtlmOutcome, HttpFailure> => {
  const { connection, scheme } = logIn
  const negotiate = Ntlm.negotiate()
  const first = scheme === "NTLM" ? negotiate : Spnego.wrapNegotiate(negotiate)
  connection.cling()
  return logIn.send({ authorization: headerOf(scheme, first), whole: false }).pipe(
    Effect.zip(Clock.currentTimeMillis),
    Effect.flatMap(([answer, now]): Effect.Effect<NtlmOutcome, HttpFailure> => {
      const token = answer.status === 401 ? tokenOf(answer, scheme) : undefined
      if (token === undefined) return Effect.succeed({ _tag: "NoChallenge", answer })
      const { socket } = connection
      if (socket === undefined) return Effect.fail(MOVED)
      const challenge = Either.flatMap(
        scheme === "NTLM" ? Either.right(token) : Spnego.unwrapChallenge(token),
        Ntlm.parseChallenge
      )
      if (Either.isLeft(challenge)) return Effect.succeed({ _tag: "Unusable", reason: challenge.left })
      const third = Ntlm.authenticate({
        ...accountNameOf(logIn.credentials),
        password: logIn.credentials.password ?? "",
        challenge: challenge.right,
        negotiate,
        channelBinding: logIn.bound ? bindingOf(socket) : undefined,
        targetName: `HTTP/${logIn.hostname}`,
        random: randomBytes(8),
        now
      })
      const last = scheme === "NTLM" ? third : Spnego.wrapAuthenticate(third)
      return Effect.map(
        logIn.send({ authorization: headerOf(scheme, last), whole: true, socket }),
        (answer): NtlmOutcome => {
          if (answer.status !== 401) connection.loggedIn()
          return { _tag: "Sent", answer }
        }
      )
    })
  )
}

const MOVED = new HttpFailure({ kind: "moved", sent: false, status: 0, code: "", reason: undefined })

const headerOf = (scheme: string, message: Buffer) => `${scheme} ${message.toString("base64")}`

const bindingOf = (socket: Socket): Buffer | undefined => {
  const raw = rawPeerCertificateOf(socket)
  return raw && channelBindingOf({ raw })
}

/** The token behind the scheme's name; a server may write all its challenges into one header. */
const tokenOf = (answer: HttpAnswer, scheme: string): Buffer | undefined => {
  const challenge = new RegExp(`(?:^|,)\\s*${scheme} +([A-Za-z0-9+/]+=*)\\s*(?:,|$)`, "i")
  for (const header of [answer.headers["www-authenticate"] ?? []].flat()) {
    const token = challenge.exec(header)?.[1]
    if (token !== undefined) return Buffer.from(token, "base64")
  }
  return undefined
}
