import { AsyncLocalStorage } from "node:async_hooks"
import type { ClientRequest, IncomingMessage } from "node:http"
import * as Https from "node:https"
import { isIP } from "node:net"
import type { SecureContextOptions } from "node:tls"
import { Effect, type Scope } from "effect"
import * as Deadlines from "./Deadlines.ts"
import { codeOf, TIMEOUT, TOO_LONG } from "./NetworkTrouble.ts"

/** Why there is no message id: the connection failed (a code for `reasonOf`), or firebase-admin throws. */
export type FcmFailure =
  | { readonly _tag: "Broken"; readonly code: string }
  | { readonly _tag: "Thrown"; readonly error: unknown }

/** The connections to FCM, which firebase-admin uses, and what makes it use them once for a message. */
export interface FcmRequests {
  readonly agent: Https.Agent
  /** Runs a call of firebase-admin that makes one request with the agent; interruption ends the request. */
  readonly run: <A>(call: () => Promise<A>) => Effect.Effect<A, FcmFailure>
}

export interface RequestsOptions {
  /** Another host than firebase-admin's own. */
  readonly endpoint: URL | undefined
  readonly tls: SecureContextOptions
  readonly connections: number
  /** Milliseconds that a call may take, connecting included. */
  readonly timeout: number
}

/**
 * firebase-admin sends again by itself after a 503 and after a connection that broke, up to four times and as long as a
 * minute apart, and has no option against it; whoever waits here would hear nothing meanwhile. It also never ends when an
 * answer breaks off, and reads an answer of any length. All that is seen to where each request passes: at the agent. Only
 * a connection that breaks before the answer is tried once more, because a server may close a kept one at any time.
 */
export const make = Effect.fnUntraced(function* (
  options: RequestsOptions
): Effect.fn.Return<FcmRequests, never, Scope.Scope> {
  const deadlines = yield* Deadlines.make(options.timeout)
  const calls = new AsyncLocalStorage<Call>()
  const agent = yield* Effect.acquireRelease(
    Effect.sync(() => new WatchingAgent(options, () => calls.getStore())),
    (agent) => Effect.sync(() => agent.destroy())
  )

  const run = <A>(call: () => Promise<A>): Effect.Effect<A, FcmFailure> =>
    Effect.async((resume) => {
      let current: Call | undefined
      let over = false
      const finish = (outcome: Effect.Effect<A, FcmFailure>) => {
        if (over) return
        over = true
        unwatch()
        resume(outcome)
      }
      const broken = (code: string) => finish(Effect.fail({ _tag: "Broken", code }))
      const attempt = (repeat: boolean) => {
        const one = new Call((code) => (BROKEN_OFF.has(code) && !repeat ? attempt(true) : broken(code)))
        current = one
        // It throws some of its errors before there is a promise.
        calls
          .run(one, async () => call())
          .then(
            (value) => one.over || finish(Effect.succeed(value)),
            (error: unknown) => one.over || finish(Effect.fail({ _tag: "Thrown", error }))
          )
      }
      const abandon = () => {
        broken(TIMEOUT)
        current?.abandon()
      }
      const unwatch = deadlines.watch(abandon)
      attempt(false)
      return Effect.sync(abandon)
    })

  return { agent, run }
})

/** Bytes; FCM's answers have less than two thousand. */
const ANSWER_MAX = 64 * 1024

const BROKEN_OFF = new Set(["ECONNRESET", "EPIPE"])

/** One call of firebase-admin, and its request. */
class Call {
  /** What comes of it is known, or nobody cares; firebase-admin may still be busy with it. */
  over = false
  readonly #broken: (code: string) => void
  #request: ClientRequest | undefined

  constructor(broken: (code: string) => void) {
    this.#broken = broken
  }

  abandon(): void {
    this.over = true
    this.#request?.destroy()
  }

  watch(request: ClientRequest): void {
    this.#request = request
    request.on("error", (error) => this.#fail(codeOf(error)))
    request.prependListener("response", (response: IncomingMessage) => {
      // The only status that firebase-admin tries again; the body tells what it is about, and any 5xx means the same.
      if (response.statusCode === 503) response.statusCode = 500
      let bytes = 0
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes <= ANSWER_MAX) return
        this.#fail(TOO_LONG)
        request.destroy()
      })
      response.on("close", () => {
        if (!response.complete) this.#fail("ECONNRESET")
      })
    })
  }

  #fail(code: string): void {
    if (this.over) return
    this.over = true
    this.#broken(code)
  }
}

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
    call?.watch(request)
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
