import { AsyncLocalStorage } from "node:async_hooks"
import type { ClientRequest, IncomingMessage } from "node:http"
import * as Https from "node:https"
import { isIP } from "node:net"
import type { SecureContextOptions } from "node:tls"
import { Effect, type Scope } from "effect"
import { codeOf, TOO_LONG } from "./NetworkTrouble.ts"

/** Why there is no message id: the connection failed (a code for `reasonOf`), or firebase-admin throws. */
export type FcmFailure =
  | { readonly _tag: "Broken"; readonly code: string }
  | { readonly _tag: "Thrown"; readonly error: unknown }

/** The connections to FCM, which firebase-admin uses, and what makes it use them once for a message. */
export interface FcmRequests {
  readonly agent: Https.Agent
  /** Runs one call of firebase-admin that makes one request with the agent; interruption ends the request. */
  readonly once: <A>(call: () => Promise<A>) => Effect.Effect<A, FcmFailure>
}

export interface RequestsOptions {
  /** Another host than firebase-admin's own. */
  readonly endpoint: URL | undefined
  readonly tls: SecureContextOptions
  readonly connections: number
}

/**
 * firebase-admin sends again by itself after a 503 and after a connection that broke, up to four times and as long as a
 * minute apart, and has no option against it; whoever waits here would hear nothing meanwhile. It also never ends when an
 * answer breaks off, and reads an answer of any length. All that is seen to where each request passes: at the agent.
 */
export const make = (options: RequestsOptions): Effect.Effect<FcmRequests, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const calls = new AsyncLocalStorage<Call>()
      const agent = new WatchingAgent(options, () => calls.getStore())
      return { agent, calls }
    }),
    ({ agent }) => Effect.sync(() => agent.destroy())
  ).pipe(Effect.map(({ agent, calls }) => ({ agent, once: (call) => onceIn(calls, call) })))

/** Bytes; FCM's answers have less than two thousand. */
const ANSWER_MAX = 64 * 1024

/** One call of firebase-admin. */
interface Call {
  request: ClientRequest | undefined
  over: boolean
  readonly fail: (code: string) => void
}

const onceIn = <A>(calls: AsyncLocalStorage<Call>, run: () => Promise<A>): Effect.Effect<A, FcmFailure> =>
  Effect.async((resume) => {
    const call: Call = {
      request: undefined,
      over: false,
      fail: (code) => {
        call.over = true
        resume(Effect.fail({ _tag: "Broken", code }))
      }
    }
    // It throws some of its errors before there is a promise.
    calls
      .run(call, async () => run())
      .then(
        (value) => resume(Effect.succeed(value)),
        (error: unknown) => resume(Effect.fail({ _tag: "Thrown", error }))
      )
    return Effect.sync(() => {
      call.over = true
      call.request?.destroy()
    })
  })

/** `http.request` hands every request to its agent by this method (it asks "agent-like objects" for it); the types do not have it. */
interface TakingAgent extends Https.Agent {
  addRequest(request: ClientRequest, options: Https.RequestOptions): void
}
const TakingAgent = Https.Agent as unknown as new (options: Https.AgentOptions) => TakingAgent

class WatchingAgent extends TakingAgent {
  readonly #endpoint: URL | undefined
  readonly #call: () => Call | undefined

  constructor({ connections, endpoint, tls }: RequestsOptions, call: () => Call | undefined) {
    super({ ...tls, keepAlive: true, maxSockets: connections, maxFreeSockets: connections })
    this.#endpoint = endpoint
    this.#call = call
  }

  override addRequest(request: ClientRequest, options: Https.RequestOptions): void {
    const call = this.#call()
    if (call?.over) {
      // firebase-admin tries again what is decided; this error it does not try again.
      process.nextTick(() => request.emit("error", new Error("already answered")))
      return
    }
    if (call) watch(call, request)
    super.addRequest(request, options)
  }

  override createConnection(...[options, callback]: Parameters<Https.Agent["createConnection"]>) {
    const endpoint = this.#endpoint
    if (endpoint === undefined) return super.createConnection(options, callback)
    const host = endpoint.hostname.replace(/^\[|\]$/g, "")
    const port = Number(endpoint.port || 443)
    return super.createConnection({ ...options, host, port, servername: isIP(host) ? "" : host }, callback)
  }
}

const watch = (call: Call, request: ClientRequest) => {
  call.request = request
  request.on("error", (error) => call.fail(codeOf(error)))
  request.prependListener("response", (response: IncomingMessage) => {
    // The only status that firebase-admin tries again; the body tells what it is about, and any 5xx means the same.
    if (response.statusCode === 503) response.statusCode = 500
    let bytes = 0
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= ANSWER_MAX) return
      call.fail(TOO_LONG)
      request.destroy()
    })
    response.on("close", () => {
      if (!response.complete) call.fail("ECONNRESET")
    })
  })
}
