import { type Clock, Effect } from "effect"
import type { ClientIdentity } from "../net/ClientIdentity.ts"
import { logged } from "./AnswerLog.ts"
import type { Connection } from "./Connection.ts"
import { Cookies } from "./Cookies.ts"
import type { CallSite } from "./EwsErrors.ts"
import type { HostConnections, NoPlace } from "./HostConnections.ts"
import { type HttpFailure, post } from "./HttpPost.ts"
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

  constructor(caller: Caller, shared: WireSurroundings) {
    this.#caller = caller
    this.#shared = shared
    this.#line = new OneConnection(shared.hosts, shared.open)
  }

  /** Waits for a place at the target; to be called before anything else. */
  enter(call: Call): Effect.Effect<void, NoPlace> {
    return Effect.map(this.#line.enter(call.target.origin, timeLeftOf(call)), () => {
      call.progress.stage = "connecting"
    })
  }

  connectionTo(target: Target, identity: ClientIdentity | undefined): Connection {
    return this.#line.to(target, identity)
  }

  /** With the session's cookies, over a connection with this identity. */
  send(call: Call, identity: ClientIdentity | undefined, leg: Leg): Effect.Effect<HttpAnswer, HttpFailure> {
    const { target } = call
    const cookie = this.#cookies.headerFor(target.url)
    const connection = this.#line.to(target, identity)
    if (target.secure) call.progress.handshake = identity === undefined ? "bare" : "certificate"
    return Effect.flatMap(this.#post(call, connection, leg, cookie), (answer) => {
      const setCookie = answer.headers["set-cookie"]
      if (setCookie !== undefined) {
        this.#cookies.store(target.url, setCookie, call.clock.unsafeCurrentTimeMillis())
      }
      return logged(call.site, answer)
    })
  }

  /** Without anything that tells who the caller is. */
  sendAsStranger(call: Call): Effect.Effect<HttpAnswer, HttpFailure> {
    const posting = this.#post(call, this.#line.toStranger(call.target), { whole: true }, undefined)
    return Effect.flatMap(posting, (answer) => logged(call.site, answer))
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
    const headers: Record<string, string> = { ...tracingHeaders(this.#caller), ...request.headers }
    if (target.endpoint.seg) {
      Object.assign(headers, segHeaders(this.#shared.segDeviceHeader, this.#caller.devices))
    }
    if (cookie !== undefined) headers["cookie"] = cookie
    if (authorization !== undefined) headers["authorization"] = authorization
    return post(connection, {
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
  }
}

/** Milliseconds on a clock that is never set. */
export const monotonic = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

/** Milliseconds. */
const timeLeftOf = ({ clock, deadline }: Call): number => Math.max(0, deadline - monotonic(clock))
