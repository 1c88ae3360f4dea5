import type { IncomingMessage, ServerResponse } from "node:http"
import { Cause, Effect, Exit, Option, ParseResult, Schema } from "effect"
import { readBody, sendJson } from "./Listener.ts"

/** Something that a control interface does: `POST /sandbox/<name>` with a JSON body. */
export type Command<S> = (standIn: S, body: string) => Effect.Effect<unknown, Refusal>
export type Commands<S> = Readonly<Record<string, Command<S>>>

/** What a control interface shows: `GET /sandbox/<name>`. */
export type Views<S> = Readonly<Record<string, (standIn: S) => unknown>>

/** Why a command was not done. */
export interface Refusal {
  readonly status: number
  readonly text: string
}

/** A command whose JSON body has this schema; what fails while it runs is 404. */
export const command =
  <S, A, I>(
    schema: Schema.Schema<A, I>,
    run: (standIn: S, body: A) => Effect.Effect<unknown, { readonly message: string }>
  ): Command<S> =>
  (standIn, body) =>
    Schema.decode(Schema.parseJson(schema))(body, { onExcessProperty: "error" }).pipe(
      Effect.mapError((error) => ({ status: 400, text: ParseResult.TreeFormatter.formatErrorSync(error) })),
      Effect.flatMap((decoded) =>
        run(standIn, decoded).pipe(Effect.mapError((error) => ({ status: 404, text: error.message })))
      )
    )

/** What a command answers that has nothing to tell. */
export const done = Effect.map(() => ({ done: true }))

/** `GET|POST /sandbox/<name>`: what a person with curl, or a test in another language, can do to a stand-in. */
export const serveControl = <S>(
  standIn: S,
  commands: Commands<S>,
  views: Views<S>,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): void => {
  const path = new URL(incoming.url ?? "/", "http://sandbox").pathname.toLowerCase()
  const name = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : ""
  const view = views[name]
  const action = commands[name]
  if (view !== undefined && incoming.method === "GET") return sendJson(outgoing, 200, view(standIn))
  if (name === "" || (action === undefined && view === undefined))
    return sendJson(outgoing, 404, { GET: Object.keys(views), POST: Object.keys(commands) })
  if (action === undefined || incoming.method !== "POST") {
    const allowed = action === undefined ? "GET" : "POST"
    return sendJson(outgoing, 405, { error: `${allowed} it` }, { Allow: allowed })
  }
  void runCommand(standIn, action, incoming, outgoing)
}

const runCommand = async <S>(
  standIn: S,
  action: Command<S>,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): Promise<void> => {
  const text = await readBody(incoming, MAX_BODY)
  if (text === undefined) return sendJson(outgoing, 413, { error: "too large" })
  const exit = await Effect.runPromiseExit(action(standIn, text === "" ? "{}" : text))
  if (Exit.isSuccess(exit)) return sendJson(outgoing, 200, exit.value)
  const failure = Option.getOrUndefined(Cause.failureOption(exit.cause))
  sendJson(outgoing, failure === undefined ? 500 : failure.status, {
    error: failure?.text ?? Cause.pretty(exit.cause)
  })
}

const PREFIX = "/sandbox/"
const MAX_BODY = 1024 * 1024
