import type { IncomingMessage } from "node:http"
import type { Directory } from "./ExchangeDirectory.ts"
import type { LogIns } from "./ExchangeLogIns.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import type { NtlmConnections } from "./ExchangeNtlm.ts"
import { namesOfPeer } from "./PeerCertificate.ts"

/** Ways to log in, in the order in which a 401 names them. `certificate`: the one shown in TLS is enough. */
export const SCHEMES = ["negotiate", "ntlm", "basic", "bearer", "certificate"] as const
export type Scheme = (typeof SCHEMES)[number]

/** Whom a request acts for, and the values of WWW-Authenticate that its answer carries. */
export interface Entry {
  /** undefined: nobody, so 401. */
  readonly user: Mailbox | undefined
  readonly challenges: ReadonlyArray<string>
}

/** Lets requests in by the schemes that are on offer, and by no others. */
export class FrontDoor {
  readonly #directory: Directory
  readonly #logIns: LogIns
  readonly #ntlm: NtlmConnections
  #schemes: ReadonlyArray<Scheme>

  constructor(directory: Directory, logIns: LogIns, ntlm: NtlmConnections, schemes: ReadonlyArray<Scheme>) {
    this.#directory = directory
    this.#logIns = logIns
    this.#ntlm = ntlm
    this.#schemes = schemes
  }

  /** From now on there are these ways in. */
  offer(schemes: ReadonlyArray<Scheme>): void {
    this.#schemes = schemes
  }

  /** `refuses` is asked once it is known who it is, and may turn away a log-in that is right. */
  enter(request: IncomingMessage, refuses: (user: Mailbox) => boolean): Entry {
    const attempt = this.#attempt(request)
    switch (attempt._tag) {
      case "None":
        return this.#anonymous(attempt.challenges)
      case "Wrong":
        return this.#failed(request, attempt.user, attempt.error)
      case "Standing":
        if (refuses(attempt.user)) {
          this.#ntlm.forget(request.socket)
          return this.#anonymous()
        }
        break
      case "Right":
        if (refuses(attempt.user) || this.#logIns.isLocked(attempt.user))
          return this.#failed(request, attempt.user)
        if (attempt.ofConnection) this.#ntlm.loggedIn(request.socket, attempt.user)
    }
    this.#logIns.succeeded(attempt.user)
    return { user: attempt.user, challenges: attempt.challenges ?? [] }
  }

  #attempt(request: IncomingMessage): Attempt {
    const [scheme = "", value = ""] = (request.headers.authorization ?? "").split(/ +/, 2)
    const name = SCHEMES.find((one) => one === scheme.toLowerCase())
    if (request.headers.authorization === undefined) return this.#standing(request)
    if (name === undefined || !this.#schemes.includes(name)) return { _tag: "Wrong", user: undefined }
    if (name === "basic") return this.#basic(value)
    if (name === "bearer") return this.#bearer(value)
    const step = this.#ntlm.step(request.socket, value)
    if (step._tag === "Wrong") return step
    const challenges = step.token === undefined ? [] : [`${scheme} ${step.token}`]
    return step._tag === "Challenge"
      ? { _tag: "None", challenges }
      : { _tag: "Right", user: step.user, challenges, ofConnection: true }
  }

  /** Without an Authorization header there may be a connection that is logged in, or a certificate. */
  #standing(request: IncomingMessage): Attempt {
    const names = this.#schemes.includes("certificate") ? namesOfPeer(request.socket) : []
    const ntlm = this.#schemes.includes("ntlm") || this.#schemes.includes("negotiate")
    const user =
      (ntlm ? this.#ntlm.userOf(request.socket) : undefined) ??
      names.map((name) => this.#directory.named(name)).find((one) => one !== undefined)
    return user === undefined ? { _tag: "None" } : { _tag: "Standing", user }
  }

  /** Clients differ in how they write umlauts (UTF-8 or Latin-1), and servers take both. */
  #basic(value: string): Attempt {
    const bytes = Buffer.from(value, "base64")
    const pairs = (["utf8", "latin1"] as const).map((encoding) => {
      const text = bytes.toString(encoding)
      const colon = Math.max(text.indexOf(":"), 0)
      return { user: this.#directory.named(text.slice(0, colon)), password: text.slice(colon + 1) }
    })
    const right = pairs.find(({ user, password }) => user?.password === password)?.user
    return right === undefined ? { _tag: "Wrong", user: pairs[0]?.user } : { _tag: "Right", user: right }
  }

  #bearer(token: string): Attempt {
    const user = this.#directory.all().find((mailbox) => mailbox.tokens.has(token))
    return user === undefined
      ? { _tag: "Wrong", user: undefined, error: "invalid_token" }
      : { _tag: "Right", user }
  }

  #anonymous(challenges = this.#offer()): Entry {
    this.#logIns.anonymous()
    return { user: undefined, challenges }
  }

  #failed(request: IncomingMessage, user: Mailbox | undefined, error?: string): Entry {
    this.#ntlm.forget(request.socket)
    this.#logIns.failed(user)
    return { user: undefined, challenges: this.#offer(error) }
  }

  #offer(error?: string): ReadonlyArray<string> {
    return SCHEMES.filter((scheme) => this.#schemes.includes(scheme)).flatMap((scheme) =>
      scheme === "bearer" && error !== undefined
        ? [`${CHALLENGES.bearer}, error="${error}"`]
        : (CHALLENGES[scheme] ?? [])
    )
  }
}

type Attempt =
  /** Nothing was tried, or the log-in has only begun. */
  | { readonly _tag: "None"; readonly challenges?: ReadonlyArray<string> }
  /** `user`: who was named; `error`: of a token. */
  | { readonly _tag: "Wrong"; readonly user: Mailbox | undefined; readonly error?: string }
  /** The request itself brings nothing; who it is has been known before. */
  | { readonly _tag: "Standing"; readonly user: Mailbox; readonly challenges?: undefined }
  | {
      readonly _tag: "Right"
      readonly user: Mailbox
      readonly challenges?: ReadonlyArray<string>
      readonly ofConnection?: boolean
    }

const CHALLENGES: Readonly<Partial<Record<Scheme, string>>> = {
  negotiate: "Negotiate",
  ntlm: "NTLM",
  basic: 'Basic realm="sandbox"',
  bearer:
    'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", token_types="app_asserted_user_v1 service_asserted_app_v1"'
}
