import { type Clock, Effect } from "effect"
import type { ClientIdentity } from "../net/ClientIdentity.ts"
import { logged } from "./AnswerLog.ts"
import type { Connection } from "./Connection.ts"
import { Cookies } from "./Cookies.ts"
import type { CallSite } from "./EwsErrors.ts"
import type { HostConnections, NoPlace } from "./HostConnections.ts"
import { type HttpFailure, Posting } from "./HttpPost.ts"
import type { Caller, HttpRequest } from "./HttpSessions.ts"
import type { NtlmLeg } from "./NtlmHandshake.ts"
import { OneConnection, type Open } from "./OneConnection.ts"
import { segHeaders, tracingHeaders } from "./RequestHeaders.ts"
import type { Progress } from "./SessionTrouble.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"
import type { Target } from "./Target.ts"

/** One request of the caller's, on its way. */
export interface Call {
  readonly target: Target
  readonly site: CallSite
  readonly request: HttpRequest
  readonly progress: Progress
  readonly clock: Clock.Clock
  /** Milliseconds that it may take, and when they are over (`monotonic`). */
  readonly timeout: number
  readonly deadline: number
  /** Somebody reads the log at its finest. */
  readonly isLogged: boolean
}

/** What the wires of all sessions share. */
export interface WireSurroundings {
  readonly hosts: HostConnections
  readonly open: Open
  readonly segDeviceHeader: string
}

/** One leg of a call: the caller's request, or the same without its body while the log-in is not done. */
export type Leg = Omit<NtlmLeg, "authorization"> & { readonly authorization?: string }

/** What a session sends, and the connection and the cookies that it has for that. */
export class SessionWire {
  readonly #caller: Caller
  readonly #shared: WireSurroundings
  readonly #line: OneConnection
  readonly #cookies = new Cookies()
  #posting: Posting | undefined

  constructor(caller: Caller, shared: WireSurroundings) {
    this.#caller = caller
    this.#shared = shared
    this.#line = new OneConnection(shared.hosts, shared.open)
  }

  /** Takes a place at the target, or waits for one; undefined: taken at once. To be called before anything else. */
  enter(call: Call): Effect.Effect<void, NoPlace> | undefined {
    const { origin } = call.target
    const entered = this.#line.enterNow(origin)
    if (entered === true) {
      call.progress.stage = "connecting"
      return undefined
    }
    if (entered !== false) return Effect.fail(entered)
    return Effect.map(this.#line.enter(origin, timeLeftOf(call)), () => {
      call.progress.stage = "connecting"
    })
  }

  connectionTo(target: Target, identity: ClientIdentity | undefined): Connection {
    return this.#line.to(target, identity)
  }

  /**
   * With the session's cookies, over a connection with this identity; `use` says what becomes of the answer. Whoever is
   * interrupted while it waits for the answer must `abandon` it.
   */
  send<A, E>(
    call: Call,
    identity: ClientIdentity | undefined,
    leg: Leg,
    use: (answer: HttpAnswer) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | HttpFailure> {
    const { progress, target } = call
    const cookie = this.#cookies.headerFor(target.url)
    const connection = this.#line.to(target, identity)
    if (target.secure) progress.handshake = identity === undefined ? "bare" : "certificate"
    return Effect.flatMap(this.#post(call, connection, leg, cookie), (answer) => {
      const setCookie = answer.headers["set-cookie"]
      if (setCookie !== undefined) {
        this.#cookies.store(target.url, setCookie, call.clock.unsafeCurrentTimeMillis())
      }
      return call.isLogged ? Effect.flatMap(logged(call.site, answer), use) : use(answer)
    })
  }

  /** Without anything that tells who the caller is. */
  sendAsStranger(call: Call): Effect.Effect<HttpAnswer, HttpFailure> {
    const posting = this.#post(call, this.#line.toStranger(call.target), { whole: true }, undefined)
    return call.isLogged ? Effect.flatMap(posting, (answer) => logged(call.site, answer)) : posting
  }

  /** Nobody waits for the answer any more, if one is still to come. */
  abandon(): void {
    this.#posting?.abandon()
  }

  /** Gives the connection back, or ends it if a log-in clings to it or it is `busy`. */
  close(busy: boolean): void {
    this.#line.close(busy)
  }

  #post(
    call: Call,
    connection: Connection,
    { authorization, socket, whole }: Leg,
    cookie: string | undefined
  ): Effect.Effect<HttpAnswer, HttpFailure> {
    const { progress, request, target } = call
    const headers: Record<string, string> = tracingHeaders(this.#caller)
    Object.assign(headers, request.headers)
    if (target.endpoint.seg) {
      Object.assign(headers, segHeaders(this.#shared.segDeviceHeader, this.#caller.devices))
    }
    if (cookie !== undefined) headers["cookie"] = cookie
    if (authorization !== undefined) headers["authorization"] = authorization
    this.#posting = new Posting(connection, {
      method: request.method,
      path: target.path,
      headers,
      body: whole ? request.body : "",
      timeout: timeLeftOf(call),
      socket,
      onStart: () => {
        progress.stage = whole ? "sent" : "logging in"
      }
    })
    return this.#posting.answer
  }
}

/** Milliseconds on a clock that is never set. */
export const monotonic = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

/** Milliseconds. */
const timeLeftOf = ({ clock, deadline }: Call): number => Math.max(0, deadline - monotonic(clock))
