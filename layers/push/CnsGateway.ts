import { Effect, type Scope } from "effect"
import { type buildConnector, Pool } from "undici"
import type { CnsRequest } from "../../schemas/Cns.ts"
import { type PushNotification, Verdict } from "../../schemas/Push.ts"
import { isLoopback } from "../net/Loopback.ts"
import { type CnsResponse, readReply } from "./CnsReply.ts"
import type { Gateway } from "./Gateway.ts"
import { PushSetupError } from "./PushSetupError.ts"

/** Value of the `Authorization` header for a URL's path (without query); undefined = send unsigned. */
export type CnsSigner = (path: string) => Effect.Effect<string | undefined>

export interface CnsOptions {
  /** `ENS_CNS_URL`; plain http only on loopback. */
  readonly url: string
  readonly signer?: CnsSigner
  /** Client certificate, CA, pins: given to TLS as they are. */
  readonly connect?: buildConnector.BuildOptions
  /** Milliseconds that a request may take, connecting included. */
  readonly timeout?: number
}

/**
 * Gateway `cns`: VMware's Cloud Notification Service. A request that is refused without saying for which notification is
 * sent again in halves until the culprit is alone; that one is `Rejected`, never a dead token, because CNS names none.
 * See `CnsReply` for what each answer means. A connection that breaks before the answer is tried once more, because a
 * server may close a kept connection at any time, and the ids make a duplicate harmless; every other failure to talk is
 * `GatewayDown`.
 */
export const make = Effect.fnUntraced(function* (
  options: CnsOptions
): Effect.fn.Return<Gateway, PushSetupError, Scope.Scope> {
  const url = yield* usableUrl(options.url)
  const timeout = options.timeout ?? TIMEOUT
  const pool = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new Pool(url.origin, {
          connections: SLOTS,
          pipelining: 1,
          connect: { timeout, ...options.connect },
          headersTimeout: timeout,
          bodyTimeout: timeout,
          keepAliveTimeout: 30_000,
          maxResponseSize: ANSWER_MAX
        })
    ),
    (pool) => Effect.promise(() => pool.destroy())
  )

  const request = (body: string, authorization: string | undefined): Effect.Effect<CnsResponse, string> =>
    Effect.tryPromise({
      try: async (signal) => {
        const response = await pool.request({
          method: "POST",
          path: `${url.pathname}${url.search}`,
          headers: {
            "content-type": "application/json; charset=utf-8",
            accept: "application/json",
            ...(authorization === undefined ? {} : { authorization })
          },
          body,
          signal
        })
        const retryAfter = response.headers["retry-after"]
        return {
          status: response.statusCode,
          retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
          body: await response.body.text()
        }
      },
      catch: codeOf
    })

  const post = Effect.fnUntraced(
    function* (batch: ReadonlyArray<PushNotification>) {
      const authorization = options.signer ? yield* options.signer(url.pathname) : undefined
      const response = yield* request(bodyOf(batch), authorization).pipe(
        Effect.retry({ times: 1, while: (code) => BROKEN_OFF.has(code) })
      )
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      return readReply(
        batch.map((one) => one.id),
        response,
        now
      )
    },
    (effect, batch) =>
      effect.pipe(
        Effect.timeoutFail({ duration: timeout, onTimeout: () => "timeout" }),
        Effect.catchAll((code) =>
          Effect.succeed({
            _tag: "Verdicts" as const,
            verdicts: batch.map(() => Verdict.GatewayDown({ reason: reasonOf(code) }))
          })
        )
      )
  )

  const send: Gateway["send"] = Effect.fnUntraced(function* (batch) {
    const reply = yield* post(batch)
    if (reply._tag === "Verdicts") return reply.verdicts.map(named(url.host))
    if (batch.length <= 1) return batch.map(() => Verdict.Rejected({ reason: reply.reason }))
    const middle = batch.length >> 1
    const first = yield* send(batch.slice(0, middle))
    const stopped = first.find((verdict) => isForEveryone(verdict))
    const rest = batch.slice(middle)
    return [...first, ...(stopped ? rest.map(() => stopped) : yield* send(rest))]
  })

  return { name: "cns", batchSize: BATCH, slots: SLOTS, send }
})

const BATCH = 25
const SLOTS = 4
const TIMEOUT = 8_000
const ANSWER_MAX = 256 * 1024

const usableUrl = (text: string): Effect.Effect<URL, PushSetupError> => {
  const url = URL.parse(text)
  const problem =
    url === null || !/^https?:$/.test(url.protocol)
      ? "ENS_CNS_URL must be an https URL"
      : url.protocol === "http:" && !isLoopback(url)
        ? "ENS_CNS_URL may be plain http only on this machine; use https"
        : undefined
  return url && !problem
    ? Effect.succeed(url)
    : Effect.fail(new PushSetupError({ gateway: "cns", problem: problem! }))
}

const bodyOf = (batch: ReadonlyArray<PushNotification>): string => {
  const request: CnsRequest = {
    notifications: batch.map(({ id, payload, priority, target }) => ({
      id,
      deviceToken: target.token,
      deviceType: target.platform,
      bundleId: target.bundleId,
      priority,
      payload
    }))
  }
  return JSON.stringify(request)
}

const isForEveryone = (verdict: Verdict) =>
  verdict._tag === "GatewayDown" || (verdict._tag === "RetryLater" && verdict.everyone === true)

const named =
  (host: string) =>
  (verdict: Verdict): Verdict =>
    verdict._tag === "GatewayDown"
      ? Verdict.GatewayDown({ reason: `CNS at ${host} ${verdict.reason}` })
      : verdict

// Codes name the trouble without quoting what was sent.
const codeOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return "unknown error"
  const code = "code" in cause ? cause.code : undefined
  return typeof code === "string" ? code : cause.cause ? codeOf(cause.cause) : cause.name
}

const BROKEN_OFF = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"])

const reasonOf = (code: string): string => {
  if (code === "timeout") return "does not answer in time"
  if (BROKEN_OFF.has(code)) return `breaks the connection off (${code})`
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE" || code.startsWith("HPE_"))
    return `answers in a form that is not CNS's (${code}): check ENS_CNS_URL and proxies`
  if (/^(?:CERT_|ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_)/.test(code))
    return `fails TLS (${code}): its certificate must be valid for that name and issued by a known authority`
  return `cannot be reached (${code}): check ENS_CNS_URL, DNS, firewall and proxies`
}
