import type { IncomingMessage, ServerResponse } from "node:http"
import { Cause, Effect, Exit, Option, ParseResult, Schema } from "effect"
import type { ExchangeStandIn } from "./Exchange.ts"
import { Fault } from "./ExchangeFaults.ts"
import { readBody, sendJson } from "./Listener.ts"

/** `GET|POST /sandbox/<name>`: what a person with curl, or a test in another language, can do to the stand-in. */
export const serveControl = async (
  exchange: ExchangeStandIn,
  name: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): Promise<void> => {
  if (name === "state" && incoming.method === "GET") return sendJson(outgoing, 200, stateOf(exchange))
  const command = COMMANDS[name]
  if (command === undefined)
    return sendJson(outgoing, 404, { error: `there is ${Object.keys(COMMANDS)}, and GET state` })
  if (incoming.method !== "POST") return sendJson(outgoing, 405, { error: "POST it" }, { Allow: "POST" })
  const text = await readBody(incoming, MAX_BODY)
  if (text === undefined) return sendJson(outgoing, 413, { error: "too large" })
  const exit = await Effect.runPromiseExit(command(exchange, text === "" ? "{}" : text))
  if (Exit.isSuccess(exit)) return sendJson(outgoing, 200, exit.value)
  const failure = Option.getOrUndefined(Cause.failureOption(exit.cause))
  sendJson(outgoing, failure === undefined ? 500 : failure.status, {
    error: failure?.text ?? Cause.pretty(exit.cause)
  })
}

interface Refusal {
  readonly status: number
  readonly text: string
}

type Command = (exchange: ExchangeStandIn, body: string) => Effect.Effect<unknown, Refusal>

/** A command whose JSON body has this schema. */
const command =
  <A, I>(
    schema: Schema.Schema<A, I>,
    run: (exchange: ExchangeStandIn, body: A) => Effect.Effect<unknown, { readonly message: string }>
  ): Command =>
  (exchange, body) =>
    Schema.decode(Schema.parseJson(schema))(body, { onExcessProperty: "error" }).pipe(
      Effect.mapError((error) => ({ status: 400, text: ParseResult.TreeFormatter.formatErrorSync(error) })),
      Effect.flatMap((decoded) =>
        run(exchange, decoded).pipe(Effect.mapError((error) => ({ status: 404, text: error.message })))
      )
    )

const done = Effect.map(() => ({ done: true }))
const found = Effect.map((known: boolean) => ({ found: known }))
const Address = Schema.NonEmptyTrimmedString
const FolderNames = Schema.Literal("inbox", "sentitems", "deleteditems", "drafts", "junkemail", "outbox")
const User = Schema.optionalWith(Address, { default: () => "all" })

/** Faults that wait, and commands that act at once, under one name as an operator thinks of them. */
const FaultCommand = Schema.Union(
  Fault,
  Schema.Struct({ kind: Schema.Literal("clear", "restart") }),
  Schema.Struct({ kind: Schema.Literal("stopHeartbeat", "resumeHeartbeat"), user: User }),
  Schema.Struct({
    kind: Schema.Literal("errorCallback"),
    user: User,
    responseCode: Schema.optional(Schema.String)
  })
)

const COMMANDS: Readonly<Record<string, Command>> = {
  mailboxes: command(
    Schema.Struct({
      address: Address.pipe(Schema.pattern(/^[^@\s]+@[^@\s]+$/)),
      password: Schema.String,
      tokens: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }),
      displayName: Schema.optionalWith(Schema.String, { exact: true }),
      username: Schema.optionalWith(Schema.String, { exact: true }),
      domain: Schema.optionalWith(Schema.String, { exact: true }),
      delegates: Schema.optionalWith(Schema.Array(Address), { exact: true })
    }),
    (exchange, mailbox) => exchange.addMailbox(mailbox).pipe(done)
  ),
  mail: command(
    Schema.Struct({
      to: Address,
      from: Address,
      fromName: Schema.optionalWith(Schema.String, { exact: true }),
      subject: Schema.optionalWith(Schema.String, { default: () => "" }),
      body: Schema.optionalWith(Schema.String, { default: () => "" }),
      folder: Schema.optionalWith(FolderNames, { exact: true })
    }),
    (exchange, mail) => exchange.deliver(mail).pipe(Effect.map((itemId) => ({ itemId })))
  ),
  read: command(
    Schema.Struct({
      to: Address,
      itemId: Schema.String,
      isRead: Schema.optionalWith(Schema.Boolean, { default: () => true })
    }),
    (exchange, { to, itemId, isRead }) => exchange.markRead(to, itemId, isRead).pipe(found)
  ),
  move: command(
    Schema.Struct({ to: Address, itemId: Schema.String, folder: FolderNames }),
    (exchange, { to, itemId, folder }) =>
      exchange
        .move(to, itemId, folder)
        .pipe(Effect.map((newId) => ({ found: newId !== undefined, itemId: newId })))
  ),
  delete: command(Schema.Struct({ to: Address, itemId: Schema.String }), (exchange, { to, itemId }) =>
    exchange.delete(to, itemId).pipe(found)
  ),
  faults: command(FaultCommand, (exchange, fault) => {
    switch (fault.kind) {
      case "clear":
        return exchange.clearFaults.pipe(done)
      case "restart":
        return exchange.restart.pipe(done)
      case "stopHeartbeat":
        return exchange.stopHeartbeat(fault.user).pipe(done)
      case "resumeHeartbeat":
        return exchange.resumeHeartbeat(fault.user).pipe(done)
      case "errorCallback":
        return exchange.breakSubscriptions(fault.user, fault.responseCode).pipe(done)
      default:
        return exchange.addFault(fault).pipe(done)
    }
  })
}

const stateOf = (exchange: ExchangeStandIn) => ({
  url: exchange.url,
  logins: exchange.logins(),
  operations: exchange.operations(),
  subscriptions: exchange.subscriptions(),
  deliveries: exchange.deliveries()
})

const MAX_BODY = 1024 * 1024
