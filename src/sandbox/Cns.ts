import { X509Certificate } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { Effect, Either, ParseResult, Schema, type Scope } from "effect"
import { Changes } from "./Changes.ts"
import { CnsFault } from "./CnsFaults.ts"
import { type CnsNotification, CnsRequest } from "./CnsMessage.ts"
import { isSigned, signatureProblem } from "./CnsSignature.ts"
import { type CannotListen, type ListenerOptions, listen, readBody, sendJson } from "./Listener.ts"
import { Recorder } from "./Recorder.ts"
import { Script } from "./Script.ts"
import { Timers } from "./Timers.ts"

export type { CnsFault } from "./CnsFaults.ts"
export type { CnsNotification } from "./CnsMessage.ts"

export interface CnsOptions extends ListenerOptions {
  /** Whether an answer says what became of each notification (default), or has one status for the batch. */
  readonly results?: boolean
  /** Refuses requests without a CMSURL signature (401, code 2007); the signature itself is not checked. */
  readonly requireSignature?: boolean
  /** Knows this certificate (PEM), and refuses in the same way what it has not signed. */
  readonly clientCert?: string
  /** How many notifications one request may carry (default 1,000). */
  readonly maxBatch?: number
}

/** A notification that CNS took. */
export type TakenNotification = CnsNotification & {
  readonly at: Date
  /** Number of the request that brought it, from 1. */
  readonly request: number
}

/** One request as it came, and what it got. */
export interface CnsRequestSeen {
  readonly at: Date
  /** 0 = the connection was cut instead. */
  readonly status: number
  readonly notifications: number
  /** As it has to be, if the certificate is known; else if it looks so. */
  readonly signed: boolean
  /** Why it was refused; "" if it was not. */
  readonly reason: string
}

/** A running CNS stand-in. */
export interface CnsStandIn {
  /** Value for ENS_CNS_URL. */
  readonly url: string
  readonly controlUrl: string
  /** The latest notifications taken, oldest first. */
  readonly received: () => ReadonlyArray<TakenNotification>
  readonly requests: () => ReadonlyArray<CnsRequestSeen>
  /** Called for every notification as it is taken; answers how to stop. */
  readonly onNotification: (listener: (notification: TakenNotification) => void) => () => void
  readonly addFault: (fault: CnsFault) => Effect.Effect<void>
  readonly clearFaults: Effect.Effect<void>
  /** Refuses connections until `up`, which listens on the same port again. */
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void, CannotListen>
  /** Waits until `condition` holds; it is asked again after every request. */
  readonly until: (condition: () => boolean) => Effect.Effect<void>
}

/** Starts a CNS stand-in on the real clock; closing the scope cuts its connections. */
export const makeCns = (options: CnsOptions = {}): Effect.Effect<CnsStandIn, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const state: State = {
      options,
      ...(options.clientCert === undefined ? {} : { known: new X509Certificate(options.clientCert) }),
      script: new Script(),
      received: new Recorder(MAX_KEPT),
      requests: new Recorder(MAX_KEPT),
      listeners: new Set(),
      changes: new Changes(),
      timers: new Timers()
    }
    yield* Effect.addFinalizer(() => Effect.sync(() => state.timers.close()))
    const listener = yield* listen(options, (incoming, outgoing) => {
      const path = new URL(incoming.url ?? "/", "http://sandbox").pathname
      const failed = (error: unknown) =>
        void (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(500).end(String(error)))
      if (path === "/sandbox/state") sendJson(outgoing, 200, { received: state.received.all() })
      else if (path === "/sandbox/faults") serveFaults(state, incoming, outgoing).catch(failed)
      else if (path !== CNS_PATH) sendJson(outgoing, 404, { code: 404, message: "no such path" })
      else if (incoming.method !== "POST") sendJson(outgoing, 405, { code: 405, message: "POST it" })
      else serve(state, incoming, outgoing).catch(failed)
    })
    return {
      url: `${listener.url}${CNS_PATH}`,
      controlUrl: `${listener.url}/sandbox`,
      received: () => state.received.all(),
      requests: () => state.requests.all(),
      onNotification: (taken) => {
        state.listeners.add(taken)
        return () => state.listeners.delete(taken)
      },
      addFault: (fault) => Effect.sync(() => state.script.add(fault)),
      clearFaults: Effect.sync(() => state.script.clear()),
      down: listener.down,
      up: listener.up,
      until: (condition) => state.changes.until(condition)
    }
  })

interface State {
  readonly options: CnsOptions
  /** The certificate that has to sign. */
  readonly known?: X509Certificate
  readonly script: Script<CnsFault>
  readonly received: Recorder<TakenNotification>
  readonly requests: Recorder<CnsRequestSeen>
  readonly listeners: Set<(notification: TakenNotification) => void>
  readonly changes: Changes
  readonly timers: Timers
}

interface Answer {
  /** 0 = none, the connection is cut. */
  readonly status: number
  readonly body: unknown
  readonly reason?: string
  readonly retryAfter?: string | undefined
}

const serve = async (state: State, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
  const text = await readBody(incoming, MAX_BODY)
  const slow = state.script.take((fault): fault is Of<"slow"> => fault.kind === "slow")
  if (slow !== undefined) await state.timers.sleep(slow.milliseconds)
  const distrust = distrustOf(state, incoming)
  const batch =
    text === undefined
      ? Either.left("the body is too large")
      : readBatch(text, state.options.maxBatch ?? 1000)
  const answer = answerOf(state, batch, distrust)
  state.requests.add({
    at: new Date(),
    status: answer.status,
    notifications: Either.isRight(batch) ? batch.right.length : 0,
    signed: distrust === undefined && isSigned(incoming.headers.authorization),
    reason: answer.reason ?? ""
  })
  if (answer.status === 0) outgoing.destroy()
  else
    sendJson(
      outgoing,
      answer.status,
      answer.body,
      answer.retryAfter === undefined ? {} : { "retry-after": answer.retryAfter }
    )
  state.changes.signal()
}

const distrustOf = ({ known, options }: State, { headers: { authorization } }: IncomingMessage) =>
  known !== undefined
    ? signatureProblem(authorization, CNS_PATH, known)
    : options.requireSignature === true && !isSigned(authorization)
      ? "not signed"
      : undefined

const answerOf = (
  state: State,
  batch: Either.Either<ReadonlyArray<CnsNotification>, string>,
  distrust: string | undefined
): Answer => {
  const fault = state.script.take(
    (one): one is RequestFault => !["slow", "reject", "retry"].includes(one.kind)
  )
  if (fault?.kind === "status")
    return {
      status: fault.status,
      body: failed(`scripted ${fault.status}`),
      reason: "scripted",
      retryAfter: fault.retryAfter
    }
  if (fault?.kind === "unauthorized") return unauthorized("scripted")
  if (distrust !== undefined) return unauthorized(distrust)
  if (fault?.kind === "malformed") return { status: 200, body: "<html>not JSON", reason: "scripted" }
  if (Either.isLeft(batch)) return { status: 400, body: failed(batch.left), reason: batch.left }
  const results = batch.right.map((notification) => resultOf(state, notification))
  const refused = results.find((result) => result.status !== "success")?.reason ?? undefined
  if (state.options.results === false && refused !== undefined)
    return { status: 200, body: failed(refused), reason: refused }
  for (const [index, notification] of batch.right.entries())
    if (results[index]?.status === "success") take(state, notification)
  if (fault?.kind === "cut") return { status: 0, body: undefined, reason: "scripted" }
  const success = { status: "success", errorReason: null }
  return { status: 200, body: state.options.results === false ? success : { ...success, results } }
}

const resultOf = (state: State, notification: CnsNotification) => {
  const fault = state.script.take(
    (one): one is Of<"reject"> | Of<"retry"> =>
      (one.kind === "reject" || one.kind === "retry") &&
      (one.deviceToken ?? notification.deviceToken) === notification.deviceToken &&
      (one.id ?? notification.id) === notification.id
  )
  const { id } = notification
  if (fault?.kind === "retry")
    return { id, status: "retry", reason: "busy", retryAfter: fault.retryAfter ?? 1 }
  if (fault?.kind === "reject") return { id, status: "error", reason: fault.reason ?? "rejected" }
  if (Buffer.byteLength(JSON.stringify(notification.payload)) > MAX_PAYLOAD)
    return { id, status: "error", reason: "PayloadTooLarge" }
  return { id, status: "success", reason: null }
}

const take = (state: State, notification: CnsNotification): void => {
  const taken = { ...notification, at: new Date(), request: state.requests.total + 1 }
  state.received.add(taken)
  for (const listener of [...state.listeners]) listener(taken)
}

const readBatch = (text: string, maxBatch: number): Either.Either<ReadonlyArray<CnsNotification>, string> =>
  Schema.decodeEither(CnsRequest)(text, { onExcessProperty: "error" }).pipe(
    Either.mapLeft((error) => ParseResult.TreeFormatter.formatErrorSync(error)),
    Either.map((request) => request.notifications),
    Either.filterOrLeft(
      (notifications) => notifications.length <= maxBatch,
      () => `more than ${maxBatch} notifications`
    )
  )

const FaultCommand = Schema.parseJson(
  Schema.Union(CnsFault, Schema.Struct({ kind: Schema.Literal("clear") }))
)

const serveFaults = async (
  state: State,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): Promise<void> => {
  const text = (await readBody(incoming, MAX_BODY)) ?? ""
  const decoded = Schema.decodeEither(FaultCommand)(text, { onExcessProperty: "error" })
  if (Either.isLeft(decoded))
    return sendJson(outgoing, 400, { error: ParseResult.TreeFormatter.formatErrorSync(decoded.left) })
  if (decoded.right.kind === "clear") state.script.clear()
  else state.script.add(decoded.right)
  sendJson(outgoing, 200, { done: true })
}

type Of<K extends CnsFault["kind"]> = Extract<CnsFault, { readonly kind: K }>
type RequestFault = Exclude<CnsFault, Of<"slow"> | Of<"reject"> | Of<"retry">>

const failed = (reason: string) => ({ status: "failed", errorReason: reason })

/** [ENS2] The code and the words. */
const unauthorized = (reason: string): Answer => ({
  status: 401,
  body: { code: 2007, message: "Unable to verify if the signer cert as trusted." },
  reason
})

const CNS_PATH = "/nws/notify/apns"
const MAX_BODY = 16 * 1024 * 1024
const MAX_PAYLOAD = 4096
const MAX_KEPT = 10_000
