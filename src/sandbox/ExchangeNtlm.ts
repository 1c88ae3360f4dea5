import { randomBytes, X509Certificate } from "node:crypto"
import type { Socket } from "node:net"
import { Either, Schema } from "effect"
import { channelBindingOf } from "../../layers/net/ChannelBinding.ts"
import { challenge, isNegotiate, verify } from "../../layers/net/NtlmServer.ts"
import type { Directory } from "./ExchangeDirectory.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import { accepted, unwrapToken, wrapChallenge } from "./Spnego.ts"

/** Extended Protection: whether log-ins must be bound to the TLS channel, may be (a wrong one is refused), or are not checked. */
export const ChannelBinding = Schema.Literal("require", "allow", "none")
export type ChannelBinding = typeof ChannelBinding.Type

/** What became of one NTLM message; `token` goes behind the scheme into WWW-Authenticate. */
export type NtlmStep =
  | { readonly _tag: "Challenge"; readonly token: string }
  | { readonly _tag: "Right"; readonly user: Mailbox; readonly token: string | undefined }
  /** `user`: whom the message named, if that is somebody. */
  | { readonly _tag: "Wrong"; readonly user: Mailbox | undefined }

/** NTLM as IIS has it: it logs a connection in, and what comes over it later needs no log-in. */
export class NtlmConnections {
  readonly #connections = new WeakMap<Socket, State>()
  readonly #directory: Directory
  /** May change while the stand-in runs. */
  policy: ChannelBinding
  readonly #expected: Buffer | undefined

  /** `certificate`: the listener's, PEM; without TLS nothing can be bound. */
  constructor(directory: Directory, policy: ChannelBinding, certificate: string | undefined) {
    this.#directory = directory
    this.policy = policy
    this.#expected =
      certificate === undefined ? undefined : channelBindingOf(new X509Certificate(certificate))
  }

  /** Who has logged in over this connection. */
  userOf(socket: Socket): Mailbox | undefined {
    const state = this.#connections.get(socket)
    return state !== undefined && "user" in state ? state.user : undefined
  }

  loggedIn(socket: Socket, user: Mailbox): void {
    this.#connections.set(socket, { user })
  }

  forget(socket: Socket): void {
    this.#connections.delete(socket)
  }

  /** Takes a client's message, bare or inside SPNEGO. */
  step(socket: Socket, token: string): NtlmStep {
    const bytes = Buffer.from(token, "base64")
    const wrapped = unwrapToken(bytes)
    const message = wrapped ?? bytes
    const before = this.#connections.get(socket)
    this.forget(socket)
    if (isNegotiate(message)) {
      const sent = challenge({
        serverChallenge: randomBytes(8),
        netbiosDomain: this.#directory.all()[0]?.domain.toUpperCase() ?? "SANDBOX",
        netbiosComputer: "SANDBOX",
        now: Date.now()
      })
      this.#connections.set(socket, { negotiate: message, challenge: sent })
      return {
        _tag: "Challenge",
        token: (wrapped === undefined ? sent : wrapChallenge(sent)).toString("base64")
      }
    }
    if (before === undefined || "user" in before) return { _tag: "Wrong", user: undefined }
    const user = this.#check(message, before)
    if (user._tag === "Wrong" || wrapped === undefined) return user
    return { ...user, token: accepted().toString("base64") }
  }

  #check(message: Buffer, dialogue: Dialogue): Exclude<NtlmStep, { readonly _tag: "Challenge" }> {
    let named: Mailbox | undefined
    const passwordOf = (user: string, domain: string) => {
      named = this.#directory.named(domain === "" ? user : `${domain}\\${user}`)
      return named?.password
    }
    const verdict = verify(message, { ...dialogue, passwordOf })
    return Either.isRight(verdict) && named !== undefined && this.#isBound(verdict.right.channelBinding)
      ? { _tag: "Right", user: named, token: undefined }
      : { _tag: "Wrong", user: named }
  }

  #isBound(claimed: Buffer | undefined): boolean {
    if (this.policy === "none" || this.#expected === undefined) return true
    // Zeros claim nothing.
    const bound = claimed?.some((byte) => byte !== 0) === true ? claimed : undefined
    return bound === undefined ? this.policy === "allow" : bound.equals(this.#expected)
  }
}

interface Dialogue {
  readonly negotiate: Buffer
  readonly challenge: Buffer
}

/** A connection's log-in under way, or over. */
type State = Dialogue | { readonly user: Mailbox }
