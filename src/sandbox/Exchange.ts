import type { Scope } from "effect"
import { Effect, Schema } from "effect"
import { Changes } from "./Changes.ts"
import { serveControl } from "./ExchangeControl.ts"
import { Directory } from "./ExchangeDirectory.ts"
import { type Fault, Faults } from "./ExchangeFaults.ts"
import { type EwsServer, type ReceivedRequest, serveEws } from "./ExchangeHttp.ts"
import type { FolderName, IncomingMail, Mailbox, MailboxOptions } from "./ExchangeMailbox.ts"
import { PushSender, type SubscriptionView } from "./ExchangePush.ts"
import type { RetryReading } from "./ExchangeRetry.ts"
import type { Delivery } from "./ExchangeSubscription.ts"
import { type CannotListen, type ListenerOptions, listen } from "./Listener.ts"
import { Recorder } from "./Recorder.ts"
import { Timers } from "./Timers.ts"

export type { Fault } from "./ExchangeFaults.ts"
export type { ReceivedRequest } from "./ExchangeHttp.ts"
export type { FolderName, IncomingMail, MailboxOptions } from "./ExchangeMailbox.ts"
export type { SubscriptionView } from "./ExchangePush.ts"
export type { RetryReading } from "./ExchangeRetry.ts"
export type { Delivery, SubscriptionState } from "./ExchangeSubscription.ts"

/** How the Exchange stand-in behaves; everything has a default that is a plain, patient Exchange 2016. */
export interface ExchangeOptions extends ListenerOptions {
  readonly mailboxes?: ReadonlyArray<MailboxOptions>
  /** Milliseconds of one of its minutes (StatusFrequency, retries): 60,000; 100 makes 15 minutes 1.5 s. */
  readonly minute?: number
  /** Which reading of the retry rule it follows (default `strict`, which drops a subscription soonest). */
  readonly retry?: RetryReading
  /** Milliseconds until an unanswered callback has failed (default 100 s). Not scaled by `minute`. */
  readonly callbackTimeout?: number
  /** Sockets to one listener host (default 20). */
  readonly connectionsPerHost?: number
  readonly keepAlive?: boolean
  /** PEM of the CA that signed the listener's certificate. */
  readonly callbackCa?: string
  /** When the first status event is sent: before Subscribe is answered, after it (default), or not at all. */
  readonly firstCallback?: "before" | "after" | "none"
  /** Whether a folder's ModifiedEvent carries UnreadCount (default true). */
  readonly unreadCount?: boolean
  /** More events than this go into further callbacks, announced by MoreEvents (default 50). */
  readonly eventsPerCallback?: number
  /** Push subscriptions a mailbox may have (default 5,000, as Exchange 2013; Online 20). */
  readonly maxSubscriptions?: number
  /** Values of WWW-Authenticate in a 401 (default Basic and Bearer). */
  readonly offers?: ReadonlyArray<string>
}

/** There is no mailbox with this address at the stand-in. */
export class NoSuchMailbox extends Schema.TaggedError<NoSuchMailbox>()("NoSuchMailbox", {
  address: Schema.String
}) {
  override get message() {
    return `the Exchange stand-in has no mailbox ${this.address}; add it first`
  }
}

/** A running Exchange stand-in. What changes something is an Effect; what only looks is a plain call. */
export interface ExchangeStandIn {
  /** The EWS URL. */
  readonly url: string
  /** Where `/sandbox/...` is. */
  readonly controlUrl: string
  readonly addMailbox: (options: MailboxOptions) => Effect.Effect<void>
  readonly setPassword: (address: string, password: string) => Effect.Effect<void, NoSuchMailbox>
  readonly setTokens: (address: string, tokens: ReadonlyArray<string>) => Effect.Effect<void, NoSuchMailbox>
  /** Lets `delegate` read the mailbox of `owner`; subscribing stays the owner's. */
  readonly allowDelegate: (owner: string, delegate: string) => Effect.Effect<void, NoSuchMailbox>
  /** Puts a mail into the mailbox; answers its item id. */
  readonly deliver: (mail: IncomingMail & { readonly to: string }) => Effect.Effect<string, NoSuchMailbox>
  /** False if there is no such mail. */
  readonly markRead: (
    address: string,
    itemId: string,
    isRead?: boolean
  ) => Effect.Effect<boolean, NoSuchMailbox>
  /** The mail's new id; undefined if there is no such mail. */
  readonly move: (
    address: string,
    itemId: string,
    to: FolderName
  ) => Effect.Effect<string | undefined, NoSuchMailbox>
  readonly delete: (address: string, itemId: string) => Effect.Effect<boolean, NoSuchMailbox>
  readonly unread: (address: string) => number
  /** A fault that waits to happen; the oldest that fits is taken. */
  readonly addFault: (fault: Fault) => Effect.Effect<void>
  readonly clearFaults: Effect.Effect<void>
  /** Stops the heartbeats of one mailbox or `all`; mail events still go out. */
  readonly stopHeartbeat: (address: string | "all") => Effect.Effect<void, NoSuchMailbox>
  readonly resumeHeartbeat: (address: string | "all") => Effect.Effect<void, NoSuchMailbox>
  /** Ends subscriptions with an error callback (default ErrorReadEventsFailed). */
  readonly breakSubscriptions: (
    address: string | "all",
    responseCode?: string
  ) => Effect.Effect<void, NoSuchMailbox>
  /** Forgets all subscriptions without a word, as a restart of the mailbox server does. */
  readonly restart: Effect.Effect<void>
  /** Refuses connections until `up`; callbacks go on. */
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void, CannotListen>
  /** The latest ones; ended first, then those that live. */
  readonly subscriptions: () => ReadonlyArray<SubscriptionView>
  /** The latest attempts to deliver callbacks, oldest first. */
  readonly deliveries: () => ReadonlyArray<Delivery>
  /** The latest EWS requests, oldest first. */
  readonly requests: () => ReadonlyArray<ReceivedRequest>
  /** Requests by outcome of their log-in; `anonymous` got a challenge. */
  readonly logins: () => { readonly ok: number; readonly failed: number; readonly anonymous: number }
  /** Failed log-ins that named this address. */
  readonly failedLogins: (address: string) => number
  /** How often each EWS operation was asked for. */
  readonly operations: () => Readonly<Record<string, number>>
  /** Waits until `condition` holds; it is asked again after every request, delivery and change of a subscription. */
  readonly until: (condition: () => boolean) => Effect.Effect<void>
}

/**
 * Starts an Exchange stand-in on the real clock. Closing the scope ends its timers and cuts its connections. Its control
 * interface asks for no log-in: never let it listen on a network that others use.
 */
export const makeExchange = (
  options: ExchangeOptions = {}
): Effect.Effect<ExchangeStandIn, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const changes = new Changes()
    const changed = () => changes.signal()
    const timers = new Timers()
    const faults = new Faults()
    const directory = new Directory()
    const push = new PushSender(pushOptions(options), timers, faults, changed)
    const server: EwsServer = {
      directory,
      push,
      faults,
      timers,
      requests: new Recorder(MAX_REQUESTS),
      operations: new Map(),
      offers: options.offers ?? OFFERS,
      settings: {
        maxSubscriptions: options.maxSubscriptions ?? 5000,
        firstCallback: options.firstCallback ?? "after"
      },
      changed
    }
    for (const mailbox of options.mailboxes ?? []) directory.add(mailbox)

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        timers.close()
        push.close()
      })
    )
    const listener = yield* listen(options, (incoming, outgoing) => {
      const path = new URL(incoming.url ?? "/", "http://sandbox").pathname.toLowerCase()
      const failed = (error: unknown) =>
        void (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(500).end(String(error)))
      if (path.startsWith("/sandbox/"))
        serveControl(standIn, path.slice("/sandbox/".length), incoming, outgoing).catch(failed)
      else if (path !== EWS_PATH.toLowerCase()) outgoing.writeHead(404).end()
      else if (incoming.method !== "POST") outgoing.writeHead(405, { Allow: "POST" }).end()
      else serveEws(server, incoming, outgoing).catch(failed)
    })
    const standIn = control(server, changes, listener)
    return standIn
  })

const control = (
  server: EwsServer,
  changes: Changes,
  listener: {
    readonly url: string
    readonly down: Effect.Effect<void>
    readonly up: Effect.Effect<void, CannotListen>
  }
): ExchangeStandIn => {
  const { directory, push, faults } = server
  const at = <A>(address: string, action: (mailbox: Mailbox) => A): Effect.Effect<A, NoSuchMailbox> =>
    Effect.suspend(() => {
      const mailbox = directory.find(address)
      return mailbox === undefined ? new NoSuchMailbox({ address }) : Effect.sync(() => action(mailbox))
    })
  const atAllOr = <A>(address: string, action: (mailbox: Mailbox | "all") => A) =>
    address === "all" ? Effect.sync(() => action("all")) : at(address, action)
  return {
    url: `${listener.url}${EWS_PATH}`,
    controlUrl: `${listener.url}/sandbox`,
    addMailbox: (options) => Effect.sync(() => void directory.add(options)),
    setPassword: (address, password) =>
      at(address, (mailbox) => {
        mailbox.password = password
      }),
    setTokens: (address, tokens) =>
      at(address, (mailbox) => {
        mailbox.tokens = new Set(tokens)
      }),
    allowDelegate: (owner, delegate) =>
      at(owner, (mailbox) => void mailbox.delegates.add(delegate.toLowerCase())),
    deliver: (mail) => at(mail.to, (mailbox) => mailbox.deliver(mail)),
    markRead: (address, itemId, isRead) => at(address, (mailbox) => mailbox.markRead(itemId, isRead)),
    move: (address, itemId, to) => at(address, (mailbox) => mailbox.move(itemId, to)),
    delete: (address, itemId) => at(address, (mailbox) => mailbox.delete(itemId)),
    unread: (address) => directory.find(address)?.unreadIn("inbox") ?? 0,
    addFault: (fault) => Effect.sync(() => faults.add(fault)),
    clearFaults: Effect.sync(() => faults.clear()),
    stopHeartbeat: (address) => atAllOr(address, (mailbox) => push.stopHeartbeat(mailbox)),
    resumeHeartbeat: (address) => atAllOr(address, (mailbox) => push.resumeHeartbeat(mailbox)),
    breakSubscriptions: (address, responseCode = "ErrorReadEventsFailed") =>
      atAllOr(address, (mailbox) => push.breakDown(mailbox, responseCode)),
    restart: Effect.sync(() => push.forgetAll()),
    down: listener.down,
    up: listener.up,
    subscriptions: () => push.views(),
    deliveries: () => push.deliveries.all(),
    requests: () => server.requests.all(),
    logins: () => ({ ...directory.logins }),
    failedLogins: (address) => directory.failedLogins(address),
    operations: () => Object.fromEntries(server.operations),
    until: (condition) => changes.until(condition)
  }
}

const pushOptions = (options: ExchangeOptions) => ({
  minute: options.minute ?? 60_000,
  retry: options.retry ?? "strict",
  timeout: options.callbackTimeout ?? 100_000,
  connectionsPerHost: options.connectionsPerHost ?? 20,
  keepAlive: options.keepAlive ?? true,
  ca: options.callbackCa,
  withUnreadCount: options.unreadCount ?? true,
  eventsPerCallback: options.eventsPerCallback ?? 50
})

const EWS_PATH = "/EWS/Exchange.asmx"
const MAX_REQUESTS = 500
const OFFERS = [
  'Basic realm="sandbox"',
  'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", token_types="app_asserted_user_v1 service_asserted_app_v1"'
]
