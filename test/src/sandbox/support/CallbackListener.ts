import { Effect, type Scope } from "effect"
import { Changes } from "../../../../src/sandbox/Changes.ts"
import { type CannotListen, listen, readBody } from "../../../../src/sandbox/Listener.ts"

export interface ReceivedCallback {
  readonly path: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
}

/** What the listener does with a callback. `hang` never answers; a promise holds the answer back. */
export type Reaction =
  | "OK"
  | "Unsubscribe"
  | "hang"
  | { readonly status: number; readonly body?: string }
  | Promise<"OK">

/** A push listener under the test's control, on its own port. */
export interface CallbackListener {
  readonly url: string
  readonly received: ReadonlyArray<ReceivedCallback>
  /** Decides over each callback; by default `OK`. */
  react: (callback: ReceivedCallback, index: number) => Reaction
  readonly until: (condition: () => boolean) => Effect.Effect<void>
}

export const makeListener: Effect.Effect<CallbackListener, CannotListen, Scope.Scope> = Effect.gen(
  function* () {
    const received: Array<ReceivedCallback> = []
    const changes = new Changes()
    const listener = yield* listen({}, (incoming, outgoing) => {
      void (async () => {
        const body = (await readBody(incoming, 1024 * 1024)) ?? ""
        const callback = { path: incoming.url ?? "", headers: incoming.headers, body }
        received.push(callback)
        const reaction = self.react(callback, received.length - 1)
        changes.signal()
        if (reaction === "hang") return
        const settled = await reaction
        if (typeof settled === "string")
          outgoing.writeHead(200, { "content-type": "text/xml; charset=utf-8" }).end(answer(settled))
        else outgoing.writeHead(settled.status).end(settled.body ?? "")
      })()
    })
    const self: CallbackListener = {
      url: `${listener.url}/listener`,
      received,
      react: () => "OK",
      until: (condition) => changes.until(condition)
    }
    return self
  }
)

export const answer = (status: string): string =>
  `<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><SendNotificationResult xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"><SubscriptionStatus>${status}</SubscriptionStatus></SendNotificationResult></e:Body></e:Envelope>`

/** Texts of all elements with this local name, in order. */
export const texts = (xml: string, name: string): ReadonlyArray<string> =>
  [...xml.matchAll(new RegExp(`<(?:\\w+:)?${name}(?: [^>]*)?>([^<]*)<`, "g"))].map((match) => match[1] ?? "")

/** Names of the events of a callback, in order. */
export const eventNames = (xml: string): ReadonlyArray<string> =>
  [...xml.matchAll(/<t:(\w+Event)>/g)].map((match) => match[1] ?? "")
