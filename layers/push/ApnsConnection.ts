import * as Http2 from "node:http2"
import type { SecureContextOptions } from "node:tls"
import { Effect, type Scope } from "effect"
import { type Answer, exchange } from "./ApnsExchange.ts"
import type { ApnsResponse } from "./ApnsReply.ts"
import * as Deadlines from "./Deadlines.ts"
import { codeOf, TIMEOUT, TOO_LONG } from "./NetworkTrouble.ts"

/** One HTTP/2 connection to an APNs host that is opened when needed, kept, and replaced when it ends. */
export interface ApnsConnection {
  /** Fails with a code for `reasonOf`. */
  readonly post: (
    path: string,
    headers: Http2.OutgoingHttpHeaders,
    body: string
  ) => Effect.Effect<ApnsResponse, string>
}

export interface ConnectionOptions {
  /** `https://host:port` */
  readonly origin: string
  /** Authorities to trust instead of the known ones, and the like; given to TLS as they are. */
  readonly tls: SecureContextOptions
  /** Milliseconds that a request may take, connecting included. */
  readonly timeout: number
}

/**
 * How many requests are under way at once is limited by APNs itself (it may allow a single one until it has accepted the
 * token): more of them wait inside node:http2. A request whose connection ends before the answer is tried once more on a
 * new one, because a server may close (GOAWAY) at any time, and the collapse id makes a duplicate harmless. A connection
 * on which nothing is answered any more, or a ping every minute is not, is given up.
 */
export const make = Effect.fnUntraced(function* (
  options: ConnectionOptions
): Effect.fn.Return<ApnsConnection, never, Scope.Scope> {
  const deadlines = yield* Deadlines.make(options.timeout)
  const links = new Set<Link>()
  let current: Link | undefined
  let closed = false

  const open = (): Link => {
    const session = Http2.connect(options.origin, { ...options.tls, settings: { enablePush: false } })
    const link: Link = { session, connected: connecting(session), ready: false, answers: 0 }
    // What fails with it hears of it by itself; without a listener it would end the process.
    session.on("error", () => {})
    session.on("close", () => links.delete(link))
    link.connected.then((code) => {
      link.ready = code === undefined
    })
    links.add(link)
    return link
  }

  const usable = (): Link => {
    current = current && isUsable(current) ? current : open()
    return current
  }

  /** Plain callbacks, because this is done for every notification. Returns what gives the request up. */
  const start = (
    headers: Http2.OutgoingHttpHeaders,
    body: string,
    done: (answer: Answer) => void
  ): (() => void) => {
    let giveUp = () => {}
    let over = false
    const attempt = (repeat: boolean) => {
      if (over) return
      if (closed) return finish("closed")
      const link = usable()
      const answersBefore = link.answers
      giveUp = () => link.session.destroy()
      link.connected.then((code) => {
        if (over) return
        if (code !== undefined) return finish(code)
        const cancel = exchange(link.session, headers, body, (answer) => {
          if (typeof answer !== "string") link.answers++
          if (typeof answer === "string" && answer !== TOO_LONG && !repeat) attempt(true)
          else finish(answer)
        })
        giveUp = () => {
          cancel()
          // Nobody was answered meanwhile: the other side may be gone without a word.
          if (link.answers === answersBefore) link.session.destroy()
        }
      })
    }
    const finish = (answer: Answer) => {
      if (over) return
      over = true
      unwatch()
      done(answer)
    }
    const abandon = () => {
      if (over) return
      finish(TIMEOUT)
      giveUp()
    }
    const unwatch = deadlines.watch(abandon)
    attempt(false)
    return abandon
  }

  const post: ApnsConnection["post"] = (path, headers, body) =>
    Effect.async((resume) => {
      const abandon = start({ ":method": "POST", ":path": path, ...headers }, body, (answer) =>
        resume(typeof answer === "string" ? Effect.fail(answer) : Effect.succeed(answer))
      )
      return Effect.sync(abandon)
    })

  const ping = Effect.suspend(() =>
    current && isUsable(current) && current.ready ? pong(current.session) : Effect.void
  )
  yield* Effect.forkScoped(Effect.forever(Effect.delay(ping, PING_EVERY)))

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      for (const { session } of links) session.destroy()
    })
  )

  return { post }
})

/** Milliseconds. */
const PING_EVERY = 60_000
const PONG_WITHIN = 10_000

interface Link {
  readonly session: Http2.ClientHttp2Session
  /** A code if there is no connection. */
  readonly connected: Promise<string | undefined>
  ready: boolean
  /** How many requests were answered on it. */
  answers: number
}

/** After a GOAWAY a session is closed: it ends when all is answered, and takes nothing new. */
const isUsable = ({ session }: Link) => !session.closed && !session.destroyed

const connecting = (session: Http2.ClientHttp2Session): Promise<string | undefined> =>
  new Promise((resolve) => {
    // Its first word says how many requests it takes at once; more would be refused until then.
    session.once("remoteSettings", () => resolve(undefined))
    session.once("error", (cause) => resolve(codeOf(cause)))
    session.once("close", () => resolve("ECONNRESET"))
  })

const pong = (session: Http2.ClientHttp2Session): Effect.Effect<void> =>
  Effect.async<void, "none">((resume) => {
    const sent = session.ping((error) => resume(error ? Effect.fail("none") : Effect.void))
    if (!sent) resume(Effect.fail("none"))
  }).pipe(
    Effect.timeoutFail({ duration: PONG_WITHIN, onTimeout: () => "none" as const }),
    Effect.catchAll(() => Effect.sync(() => session.destroy()))
  )
