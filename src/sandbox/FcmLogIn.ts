import { type KeyObject, randomBytes, verify } from "node:crypto"
import { Schema } from "effect"
import type { HttpAct } from "./HttpAct.ts"

/** The service account that may send: its name and public key. */
export interface FcmAccount {
  readonly email: string
  readonly key: KeyObject
}

export interface FcmLogInOptions {
  /** Without it everybody may log in, and any token will do. */
  readonly account?: FcmAccount | undefined
  /** Seconds that a token lasts, as it is told (default an hour); it is not held to that. */
  readonly lasts?: number | undefined
  /** Makes the tokens out of their number, from 1 (default: nobody can guess them). */
  readonly tokenOf?: (number: number) => string
}

/** The access tokens that a service account has got from Google, and how it gets one. */
export class FcmLogIn {
  readonly #options: FcmLogInOptions
  #made = 0
  #valid = new Set<string>()

  constructor(options: FcmLogInOptions) {
    this.#options = options
  }

  /** Answers a form at `audience` (RFC 7523, 2.1; Google, "Using OAuth 2.0 for server to server applications"). */
  answer(form: string, audience: string): HttpAct {
    const { account, lasts = 3_600, tokenOf = unguessable } = this.#options
    const problem = problemOf(new URLSearchParams(form), audience, account)
    if (problem !== undefined) return { status: 400, body: { error: problem } }
    this.#made += 1
    const token = tokenOf(this.#made)
    for (const oldest of this.#valid) {
      if (this.#valid.size < TOKENS_MAX) break
      this.#valid.delete(oldest)
    }
    this.#valid.add(token)
    return { body: { access_token: token, expires_in: lasts, token_type: "Bearer" } }
  }

  /** Whether the header of a request has one of the tokens. */
  allows(authorization: string | undefined): boolean {
    const token = (authorization ?? "").replace(/^Bearer /, "")
    return this.#options.account === undefined || this.#valid.has(token)
  }

  /** Tokens given out so far are not accepted any more. */
  revoke(): void {
    this.#valid = new Set()
  }
}

const TOKENS_MAX = 1_000

const unguessable = (): string => `sandbox.${randomBytes(24).toString("base64url")}`

const problemOf = (
  form: URLSearchParams,
  audience: string,
  account: FcmAccount | undefined
): string | undefined => {
  if (form.get("grant_type") !== "urn:ietf:params:oauth:grant-type:jwt-bearer")
    return "unsupported_grant_type"
  const [head = "", claims = "", signature = ""] = form.get("assertion")?.split(".") ?? []
  const said = decode({ head: text(head), claims: text(claims) })
  if (said._tag === "None") return "invalid_grant"
  const { aud, exp, iat, iss } = said.value.claims
  const now = Date.now() / 1000
  const inTime = iat < now + 60 && exp > now && exp <= iat + 3_600
  if (aud !== audience || !inTime) return "invalid_grant"
  if (account === undefined) return undefined
  const signed = Buffer.from(`${head}.${claims}`)
  const genuine = verify("sha256", signed, account.key, Buffer.from(signature, "base64url"))
  return iss === account.email && genuine ? undefined : "invalid_grant"
}

const text = (part: string): string => Buffer.from(part, "base64url").toString("utf8")

const decode = Schema.decodeUnknownOption(
  Schema.Struct({
    head: Schema.parseJson(Schema.Struct({ alg: Schema.Literal("RS256") })),
    claims: Schema.parseJson(
      Schema.Struct({
        aud: Schema.String,
        exp: Schema.Number,
        iat: Schema.Number,
        iss: Schema.String,
        scope: Schema.Literal("https://www.googleapis.com/auth/firebase.messaging")
      })
    )
  })
)
