import { Effect, Schema } from "effect"
import { AutodiscoverFault } from "./AutodiscoverFaults.ts"
import { type Commands, command, done, type Views } from "./Control.ts"
import { Fault } from "./ExchangeFaults.ts"
import { Move } from "./ExchangeMoves.ts"
import { ExchangeSettings } from "./ExchangeOptions.ts"
import type { ExchangeStandIn } from "./ExchangeStandIn.ts"
import { Outage } from "./Outage.ts"

const found = Effect.map((known: boolean) => ({ found: known }))
const Address = Schema.NonEmptyTrimmedString
const FolderNames = Schema.Literal("inbox", "sentitems", "deleteditems", "drafts", "junkemail", "outbox")
const User = Schema.optionalWith(Address, { default: () => "all" })
const text = Schema.optionalWith(Schema.String, { exact: true })

/** Faults that wait, and commands that act at once, under one name as an operator thinks of them. */
const FaultCommand = Schema.Union(
  Fault,
  Schema.Struct({ kind: Schema.Literal("clear", "restart") }),
  Schema.Struct({ kind: Schema.Literal("stopHeartbeat", "resumeHeartbeat", "gap"), user: User }),
  Schema.Struct({ kind: Schema.Literal("forgetEvents"), user: Address }),
  Schema.Struct({
    kind: Schema.Literal("errorCallback"),
    user: User,
    responseCode: Schema.optional(Schema.String)
  }),
  Schema.extend(Schema.Struct({ kind: Schema.Literal("down") }), Outage)
)
type FaultCommand = typeof FaultCommand.Type

const actOn = (
  exchange: ExchangeStandIn,
  fault: FaultCommand
): Effect.Effect<void, { readonly message: string }> => {
  switch (fault.kind) {
    case "clear":
      return exchange.clearFaults
    case "restart":
      return exchange.restart
    case "stopHeartbeat":
      return exchange.stopHeartbeat(fault.user)
    case "resumeHeartbeat":
      return exchange.resumeHeartbeat(fault.user)
    case "errorCallback":
      return exchange.breakSubscriptions(fault.user, fault.responseCode)
    case "gap":
      return exchange.skipWatermark(fault.user)
    case "forgetEvents":
      return exchange.forgetEvents(fault.user)
    case "down":
      return exchange.interrupt(fault)
    case "redirect":
      return (fault.location ?? exchange.otherUrl) === undefined
        ? Effect.fail({ message: "there is no other listener: give a location" })
        : exchange.addFault(fault)
    default:
      return exchange.addFault(fault)
  }
}

/** What can be done to the Exchange stand-in over HTTP. */
export const EXCHANGE_COMMANDS: Commands<ExchangeStandIn> = {
  mailboxes: command(
    Schema.Struct({
      address: Address.pipe(Schema.pattern(/^[^@\s]+@[^@\s]+$/)),
      password: Schema.String,
      tokens: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }),
      displayName: text,
      username: text,
      domain: text,
      delegates: Schema.optionalWith(Schema.Array(Address), { exact: true })
    }),
    (exchange, mailbox) => exchange.addMailbox(mailbox).pipe(done)
  ),
  passwords: command(
    Schema.Struct({ user: Address, password: Schema.String }),
    (exchange, { user, password }) => exchange.setPassword(user, password).pipe(done)
  ),
  tokens: command(
    Schema.Struct({ user: Address, tokens: Schema.Array(Schema.String) }),
    (exchange, { user, tokens }) => exchange.setTokens(user, tokens).pipe(done)
  ),
  unlock: command(Schema.Struct({ user: Address }), (exchange, { user }) => exchange.unlock(user).pipe(done)),
  mail: command(
    Schema.Struct({
      to: Address,
      from: Address,
      fromName: text,
      subject: Schema.optionalWith(Schema.String, { default: () => "" }),
      body: Schema.optionalWith(Schema.String, { default: () => "" }),
      folder: Schema.optionalWith(FolderNames, { exact: true }),
      unreported: Schema.optionalWith(Schema.Boolean, { exact: true })
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
  settings: command(ExchangeSettings, (exchange, settings) => exchange.configure(settings).pipe(done)),
  moves: command(Schema.extend(Schema.Struct({ user: Address }), Move), (exchange, { user, ...move }) =>
    exchange.moveMailbox(user, move).pipe(done)
  ),
  faults: command(FaultCommand, (exchange, fault) => actOn(exchange, fault).pipe(done)),
  autodiscover: command(AutodiscoverFault, (exchange, fault) =>
    exchange.addAutodiscoverFault(fault).pipe(done)
  )
}

/** What the Exchange stand-in shows of itself over HTTP. */
export const EXCHANGE_VIEWS: Views<ExchangeStandIn> = {
  state: (exchange) => ({
    url: exchange.url,
    otherUrl: exchange.otherUrl,
    logins: exchange.logins(),
    rejections: exchange.rejections(),
    operations: exchange.operations(),
    subscriptions: exchange.subscriptions(),
    deliveries: exchange.deliveries()
  }),
  requests: (exchange) => exchange.requests()
}
