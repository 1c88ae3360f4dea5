import { STATUS_CODES } from "node:http"
import { Effect, type Scope } from "effect"
import { Pool } from "undici"
import type { CnsRequest } from "../../schemas/Cns.ts"
import { type PushNotification, Verdict } from "../../schemas/Push.ts"
import { isLoopback } from "../net/Loopback.ts"
import { whenDebugging } from "../telemetry/Debugging.ts"
import { type CnsConnection, connector } from "./CnsConnection.ts"
import * as CnsPost from "./CnsPost.ts"
import { type CnsReply, type CnsResponse, codeIn, readReply } from "./CnsReply.ts"
import type { CnsSigner } from "./CnsSigner.ts"
import type { CnsTrouble } from "./CnsTrouble.ts"
import type { Gateway, Probed } from "./Gateway.ts"
import { GatewayClock } from "./GatewayClock.ts"
import { gatewayFault } from "./GatewayFault.ts"
import { PushSetupError } from "./PushSetupError.ts"

export interface CnsOptions {
  /** `ENS_CNS_URL`; plain http only on loopback. */
  readonly url: string
  /** Requests go out unsigned without it. */
  readonly signer?: CnsSigner
  /** Client certificate, authorities, pins and proxy. */
  readonly connection?: CnsConnection
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
  const { connection = {}, signer } = options
  const clock = yield* Effect.clock
  const looks = new GatewayClock(url.host)
  const secure = url.protocol === "https:"
  const anonymous = secure && connection.identity === undefined
  const pool = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new Pool(url.origin, {
          connections: SLOTS,
          pipelining: 1,
          connect: connector(connection, secure, timeout * CONNECT_SHARE),
          headersTimeout: timeout,
          bodyTimeout: timeout,
          keepAliveTimeout: 30_000,
          maxResponseSize: ANSWER_MAX
        })
    ),
    (pool) => Effect.promise(() => pool.destroy())
  )

  const request = (body: string, authorization: string | undefined, within: number) =>
    CnsPost.make(pool, {
      path: `${url.pathname}${url.search}`,
      headers: {
        "content-type": "application/json; charset=utf-8",
        accept: "application/json",
        ...(authorization === undefined ? {} : { authorization })
      },
      body,
      timeout: within
    })

  /** Within the gateway's time for all tries together. */
  const exchange = (
    body: string,
    authorization: string | undefined
  ): Effect.Effect<CnsResponse, CnsTrouble> =>
    Effect.suspend(() => {
      const end = performance.now() + timeout
      return Effect.catchAll(request(body, authorization, timeout), (trouble) =>
        trouble.brokenOff
          ? request(body, authorization, Math.max(0, end - performance.now()))
          : Effect.fail(trouble)
      )
    })

  const understood = (
    batch: ReadonlyArray<PushNotification>,
    response: CnsResponse,
    signed: boolean
  ): Effect.Effect<CnsReply> => {
    const ids = batch.map((one) => one.id)
    const reply = readReply(ids, response, clock.unsafeCurrentTimeMillis(), signed)
    const isDown = reply._tag === "Verdicts" && reply.verdicts.every(({ _tag }) => _tag === "GatewayDown")
    const log = isDown
      ? failed(url, httpError(response.status), codeIn(response.body), reasonOf(reply))
      : whenDebugging(() =>
          Effect.logDebug(
            `CNS Url : [${url.href}] HttpStatusCode:[${response.status}] ResponseCode:[${summary(reply)}]`
          )
        )
    const skew = looks.at(response.date, clock.unsafeCurrentTimeMillis())
    return Effect.as(skew === undefined ? log : Effect.zipRight(skew, log), reply)
  }

  const post = (batch: ReadonlyArray<PushNotification>): Effect.Effect<CnsReply> =>
    Effect.flatMap(signer ? signer(url.pathname) : Effect.succeed(undefined), (authorization) =>
      Effect.matchEffect(exchange(bodyOf(batch), authorization), {
        onFailure: ({ brokenOff, legacy, reason }) => {
          const hint = brokenOff && anonymous ? ", as one does that misses a client certificate" : ""
          const verdicts = batch.map(() => Verdict.GatewayDown({ reason: reason + hint }))
          return Effect.as(failed(url, legacy, "", reason), { _tag: "Verdicts" as const, verdicts })
        },
        onSuccess: (response) => understood(batch, response, authorization !== undefined)
      })
    )

  const send: Gateway["send"] = (batch) =>
    Effect.flatMap(post(batch), (reply) => {
      if (reply._tag === "Verdicts") return Effect.succeed(reply.verdicts.map(named(url.host)))
      if (batch.length > 1) return sendHalves(batch)
      return Effect.succeed(batch.map(() => Verdict.Rejected({ reason: reply.reason })))
    })

  const sendHalves = Effect.fnUntraced(function* (batch: ReadonlyArray<PushNotification>) {
    const middle = batch.length >> 1
    const first = yield* send(batch.slice(0, middle))
    const stopped = first.find((verdict) => isForEveryone(verdict))
    const rest = batch.slice(middle)
    return [...first, ...(stopped ? rest.map(() => stopped) : yield* send(rest))]
  })

  /** A signed request with no notification in it: whether CNS likes that or not, it looks at the signature first. */
  const probe: Effect.Effect<Probed> = Effect.flatMap(
    signer ? signer(url.pathname) : Effect.succeed(undefined),
    (authorization) =>
      Effect.match(exchange(bodyOf([]), authorization), {
        onFailure: ({ reason }) => ({ outcome: "down", says: `CNS at ${url.host} ${reason}` }),
        onSuccess: (response) => ({
          ...probedOf(url, response, clock.unsafeCurrentTimeMillis(), authorization !== undefined),
          ...(response.date === undefined ? {} : { date: response.date })
        })
      })
  )

  return { name: "cns", batchSize: BATCH, slots: SLOTS, send, probe }
})

const BATCH = 25
const SLOTS = 4
const TIMEOUT = 8_000
/** So that a connection that cannot be had is told from an answer that does not come. */
const CONNECT_SHARE = 0.75
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

const probedOf = (url: URL, response: CnsResponse, now: number, signed: boolean): Probed => {
  const reply = readReply(["probe"], response, now, signed)
  const verdict = reply._tag === "Verdicts" ? reply.verdicts[0] : undefined
  const how = signed ? "a signed request" : "a request that is not signed"
  if (verdict?._tag === "GatewayDown") {
    const refused = response.status < 300 || response.status === 401 || response.status === 403
    const codes = codeIn(response.body)
    return {
      outcome: refused && !verdict.reason.includes("in a form") ? "refused" : "down",
      says: `CNS at ${url.host} ${verdict.reason}${codes === "" || verdict.reason.includes(codes) ? "" : ` (${codes})`}`
    }
  }
  if (verdict?._tag === "RetryLater") {
    return { outcome: "down", says: `CNS at ${url.host} asks to wait (HTTP ${response.status})` }
  }
  return {
    outcome: "works",
    says: `CNS at ${url.host} takes ${how} without notifications (HTTP ${response.status})`
  }
}

const isForEveryone = (verdict: Verdict) =>
  verdict._tag === "GatewayDown" || (verdict._tag === "RetryLater" && verdict.everyone === true)

const named =
  (host: string) =>
  (verdict: Verdict): Verdict =>
    verdict._tag === "GatewayDown"
      ? Verdict.GatewayDown({ reason: `CNS at ${host} ${verdict.reason}` })
      : verdict

const summary = (reply: CnsReply) =>
  reply._tag === "Refused" ? reply.reason : [...new Set(reply.verdicts.map(({ _tag }) => _tag))].join(",")

const httpError = (status: number) =>
  status < 400
    ? `Unexpected answer: (${status})`
    : `The remote server returned an error: (${status}) ${STATUS_CODES[status] ?? "Unknown"}.`

/** [ENS2] The line that administrators search for. Of what CNS says only codes: its words may quote the request. */
const failed = ({ href }: URL, error: string, response: string, reason: string) =>
  Effect.annotateLogs(
    Effect.logWarning(`Failed To Post to CNS [${href}] Error: [${error}] Response: [${response}]`),
    "fault",
    gatewayFault(reason)
  )

const reasonOf = (reply: CnsReply): string => {
  const [verdict] = reply._tag === "Verdicts" ? reply.verdicts : []
  return verdict?._tag === "GatewayDown" ? verdict.reason : ""
}
