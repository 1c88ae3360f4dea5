import { sign } from "node:crypto"
import { Effect, Option, Schema, type Scope } from "effect"
import { Agent, type buildConnector, request } from "undici"
import type { ServiceAccount } from "./FcmServiceAccount.ts"
import { codeOf, reasonOf, TIMEOUT } from "./NetworkTrouble.ts"

/** What lets ENS send; made by Google for the service account, for an hour or so. */
export interface FcmAccessToken {
  /** Fails with the reason, as the end of a sentence that begins with the host. */
  readonly current: Effect.Effect<string, string>
  /** FCM does not take this one: the next is a new one. */
  readonly refused: (token: string) => void
}

export interface AccessTokenOptions {
  readonly tls: buildConnector.BuildOptions
  /** Milliseconds that logging in may take. */
  readonly timeout: number
}

/**
 * Logs in with a signed assertion (RFC 7523, 2.1; Google, "Using OAuth 2.0 for server to server applications"). Everyone
 * who needs a token while one is asked for waits for that one, and fails with it. It is renewed 5 min before its end; while that fails the
 * old one is used.
 */
export const make = Effect.fnUntraced(function* (
  account: ServiceAccount,
  { timeout, tls }: AccessTokenOptions
): Effect.fn.Return<FcmAccessToken, never, Scope.Scope> {
  const clock = yield* Effect.clock
  const agent = yield* Effect.acquireRelease(
    Effect.sync(
      () => new Agent({ connections: 1, connect: { timeout, ...tls }, maxResponseSize: ANSWER_MAX })
    ),
    (agent) => Effect.promise(() => agent.destroy())
  )
  const alone = yield* Effect.makeSemaphore(1)
  let known: Known | undefined
  let failures = 0
  let lastFailure = ""

  const logIn = Effect.fnUntraced(function* (now: number): Effect.fn.Return<Known, string> {
    const body = new URLSearchParams({ grant_type: GRANT, assertion: assertion(account, now) }).toString()
    const { answer, status } = yield* Effect.tryPromise({
      try: async (signal) => {
        const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" }
        const response = await request(account.tokenUrl, {
          dispatcher: agent,
          method: "POST",
          headers,
          body,
          signal
        })
        return { status: response.statusCode, answer: decode(await response.body.text()) }
      },
      catch: codeOf
    }).pipe(
      Effect.timeoutFail({ duration: timeout, onTimeout: () => TIMEOUT }),
      Effect.mapError((code) => reasonOf(code, "token_uri in ENS_FCM_SERVICE_ACCOUNT_FILE"))
    )
    if (status !== 200 || Option.isNone(answer) || "error" in answer.value)
      return yield* Effect.fail(refusal(status, Option.getOrUndefined(answer)))
    const { access_token: token, expires_in: seconds } = answer.value
    const endsAt = now + seconds * 1000
    return { token, endsAt, renewAt: endsAt - RENEWED_BEFORE }
  })

  const renewed = Effect.fnUntraced(function* (failuresBefore: number) {
    const now = clock.unsafeCurrentTimeMillis()
    const old = known
    if (old && now < old.renewAt) return old.token
    // One by one they would wait for as many log-ins in a row.
    if (failures !== failuresBefore) return yield* Effect.fail(lastFailure)
    const outcome = yield* Effect.either(logIn(now))
    if (outcome._tag === "Left" && (old === undefined || now >= old.endsAt)) {
      failures++
      lastFailure = outcome.left
      return yield* Effect.fail(outcome.left)
    }
    // Not at every notification: logging in may take its time to fail.
    known = outcome._tag === "Right" ? outcome.right : { ...old!, renewAt: now + TRIED_AGAIN }
    return known.token
  })

  return {
    current: Effect.suspend(() =>
      known && clock.unsafeCurrentTimeMillis() < known.renewAt
        ? Effect.succeed(known.token)
        : alone.withPermits(1)(renewed(failures))
    ),
    refused: (token) => {
      if (known?.token === token) known = undefined
    }
  }
})

interface Known {
  readonly token: string
  readonly endsAt: number
  readonly renewAt: number
}

/** Milliseconds. */
const RENEWED_BEFORE = 5 * 60_000
const TRIED_AGAIN = 60_000

/** Bytes; Google's tokens have about one thousand. */
const ANSWER_MAX = 64 * 1024

const GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
const SCOPE = "https://www.googleapis.com/auth/firebase.messaging"

const assertion = ({ email, key, keyId, tokenUrl }: ServiceAccount, now: number): string => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const iat = Math.floor(now / 1000)
  const claims = { iss: email, scope: SCOPE, aud: tokenUrl.href, iat, exp: iat + 3600 }
  const text = `${part({ alg: "RS256", typ: "JWT", kid: keyId })}.${part(claims)}`
  return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`
}

const Granted = Schema.Struct({
  access_token: Schema.NonEmptyString,
  expires_in: Schema.Number.pipe(Schema.between(1, 86_400))
})
const Refused = Schema.Struct({ error: Schema.String })
const decode = Schema.decodeUnknownOption(Schema.parseJson(Schema.Union(Refused, Granted)))

const refusal = (status: number, answer: typeof Granted.Type | typeof Refused.Type | undefined): string => {
  const word = answer && "error" in answer && /^[a-z_]{1,48}$/.test(answer.error) ? answer.error : undefined
  if (status >= 500 || status === 429) return `fails (HTTP ${status})`
  if (word === undefined)
    return `answers in a form that is not its own (HTTP ${status}): check token_uri in ENS_FCM_SERVICE_ACCOUNT_FILE and proxies`
  return `does not accept the service account (${word}): check this machine's clock, and that the key of ENS_FCM_SERVICE_ACCOUNT_FILE still exists`
}
