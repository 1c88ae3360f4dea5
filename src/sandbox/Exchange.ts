import type { Scope } from "effect"
import { Effect, FiberSet } from "effect"
import type { AutodiscoverFault } from "./AutodiscoverFaults.ts"
import { protocolAt, serveAutodiscover } from "./AutodiscoverHttp.ts"
import { Changes } from "./Changes.ts"
import { serveControl } from "./Control.ts"
import { listenWithControl, notFound } from "./ControlListener.ts"
import { Affinity } from "./ExchangeAffinity.ts"
import { bare, send } from "./ExchangeAnswer.ts"
import { EXCHANGE_COMMANDS, EXCHANGE_VIEWS } from "./ExchangeControl.ts"
import { Directory } from "./ExchangeDirectory.ts"
import { Faults } from "./ExchangeFaults.ts"
import { FrontDoor } from "./ExchangeFrontDoor.ts"
import { type EwsServer, serveEws } from "./ExchangeHttp.ts"
import { LogIns } from "./ExchangeLogIns.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import { Moves, type SiteName } from "./ExchangeMoves.ts"
import { NtlmConnections } from "./ExchangeNtlm.ts"
import { type ExchangeOptions, pushOptionsOf, schemesOf } from "./ExchangeOptions.ts"
import { PushSender } from "./ExchangePush.ts"
import { type ExchangeStandIn, NoSuchMailbox } from "./ExchangeStandIn.ts"
import { releaseOf, type ServerRelease } from "./ExchangeVersions.ts"
import { type CannotListen, type Handler, listen } from "./Listener.ts"
import { playOutage } from "./Outage.ts"
import { Recorder } from "./Recorder.ts"
import { Script } from "./Script.ts"
import { Timers } from "./Timers.ts"

export type { AutodiscoverFault } from "./AutodiscoverFaults.ts"
export type { Fault } from "./ExchangeFaults.ts"
export type { FolderName } from "./ExchangeFolderTree.ts"
export type { Scheme } from "./ExchangeFrontDoor.ts"
export type { ReceivedRequest } from "./ExchangeHttp.ts"
export type { IncomingMail, MailboxOptions } from "./ExchangeMailbox.ts"
export type { Move } from "./ExchangeMoves.ts"
export type { ChannelBinding } from "./ExchangeNtlm.ts"
export type { ExchangeOptions, ExchangeSettings } from "./ExchangeOptions.ts"
export type { SubscriptionView } from "./ExchangePush.ts"
export type { RetryReading } from "./ExchangeRetry.ts"
export { type ExchangeStandIn, NoSuchMailbox } from "./ExchangeStandIn.ts"
export type { Delivery, SubscriptionState } from "./ExchangeSubscription.ts"
export type { ServerName } from "./ExchangeVersions.ts"
export type { Outage } from "./Outage.ts"

/**
 * Starts an Exchange stand-in on the real clock. Closing the scope ends its timers and cuts its connections. Its control
 * interface asks for no log-in: never let it listen on a network that others use.
 */
export const makeExchange = (
  options: ExchangeOptions = {}
): Effect.Effect<ExchangeStandIn, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const parts = makeParts(options)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        parts.timers.close()
        parts.push.close()
      })
    )
    const { main, control } = yield* listenWithControl(
      options,
      (otherwise) => serve(parts, "main", otherwise),
      (incoming, outgoing) => serveControl(standIn, EXCHANGE_COMMANDS, EXCHANGE_VIEWS, incoming, outgoing)
    )
    parts.urls.set("main", `${main.url}${EWS_PATH}`)
    if (options.otherPort !== undefined) {
      const other = yield* listen({ ...options, port: options.otherPort }, serve(parts, "other", notFound))
      parts.urls.set("other", `${other.url}${EWS_PATH}`)
    }
    const outages = yield* FiberSet.makeRuntime<never>()
    const standIn: ExchangeStandIn = {
      ...handle(parts),
      url: `${main.url}${EWS_PATH}`,
      otherUrl: parts.urls.get("other"),
      autodiscoverUrl: `${main.url}/autodiscover/autodiscover.xml`,
      controlUrl: `${control.url}/sandbox`,
      down: main.down,
      up: main.up,
      interrupt: (outage) => Effect.sync(() => void outages(playOutage(main, parts.timers, outage)))
    }
    return standIn
  })

interface Parts extends EwsServer {
  readonly ntlm: NtlmConnections
  release: ServerRelease
  readonly logIns: LogIns
  readonly script: Script<AutodiscoverFault>
  readonly urls: Map<SiteName, string>
  readonly changes: Changes
}

const makeParts = (options: ExchangeOptions): Parts => {
  const changes = new Changes()
  const changed = () => changes.signal()
  const timers = new Timers()
  const faults = new Faults()
  const directory = new Directory()
  for (const mailbox of options.mailboxes ?? []) directory.add(mailbox)
  const push = new PushSender(pushOptionsOf(options), timers, faults, changed)
  const logIns = new LogIns(options.lockAfter)
  const ntlm = new NtlmConnections(directory, options.channelBinding ?? "allow", options.tls?.cert)
  return {
    directory,
    logIns,
    ntlm,
    door: new FrontDoor(directory, logIns, ntlm, schemesOf(options)),
    push,
    faults,
    script: new Script(),
    moves: new Moves(directory, push, timers, options.otherPort !== undefined),
    affinity: new Affinity(),
    timers,
    release: releaseOf(options.serverVersion ?? "2016"),
    requests: new Recorder(MAX_REQUESTS),
    operations: new Map(),
    urls: new Map(),
    settings: {
      maxSubscriptions: options.maxSubscriptions ?? 5000,
      statusFrequency: options.statusFrequency,
      firstCallback: options.firstCallback ?? "after"
    },
    changes,
    changed
  }
}

/** Everything that comes to one listener; `otherwise` serves what is not Exchange's. */
const serve =
  (parts: Parts, site: SiteName, otherwise: Handler): Handler =>
  (incoming, outgoing) => {
    const path = new URL(incoming.url ?? "/", "http://sandbox").pathname
    const failed = (error: unknown) =>
      void (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(500).end(String(error)))
    const protocol = protocolAt(path)
    if (protocol !== undefined) serveAutodiscover(parts, site, protocol, incoming, outgoing).catch(failed)
    else if (path.toLowerCase() !== EWS_PATH.toLowerCase()) otherwise(incoming, outgoing)
    else if (incoming.method !== "POST") send(outgoing, bare(405, { Allow: "POST" }))
    else serveEws(parts, site, incoming, outgoing).catch(failed)
  }

const handle = (
  parts: Parts
): Omit<
  ExchangeStandIn,
  "url" | "otherUrl" | "autodiscoverUrl" | "controlUrl" | "down" | "up" | "interrupt"
> => {
  const { directory, push, faults, logIns, script } = parts
  const at = <A>(address: string, action: (mailbox: Mailbox) => A): Effect.Effect<A, NoSuchMailbox> =>
    Effect.suspend(() => {
      const mailbox = directory.find(address)
      return mailbox === undefined ? new NoSuchMailbox({ address }) : Effect.sync(() => action(mailbox))
    })
  const atAllOr = <A>(address: string, action: (mailbox: Mailbox | "all") => A) =>
    address === "all" ? Effect.sync(() => action("all")) : at(address, action)
  return {
    addMailbox: (options) => Effect.sync(() => void directory.add(options)),
    setPassword: (address, password) =>
      at(address, (mailbox) => {
        mailbox.password = password
      }),
    setTokens: (address, tokens) =>
      at(address, (mailbox) => {
        mailbox.tokens = new Set(tokens)
      }),
    unlock: (address) => at(address, (mailbox) => logIns.unlock(mailbox)),
    allowDelegate: (owner, delegate) =>
      at(owner, (mailbox) => void mailbox.delegates.add(delegate.toLowerCase())),
    deliver: (mail) => at(mail.to, (mailbox) => mailbox.deliver(mail)),
    markRead: (address, itemId, isRead) => at(address, (mailbox) => mailbox.markRead(itemId, isRead)),
    move: (address, itemId, to) => at(address, (mailbox) => mailbox.move(itemId, to)),
    delete: (address, itemId) => at(address, (mailbox) => mailbox.delete(itemId)),
    unread: (address) => directory.find(address)?.unreadIn("inbox") ?? 0,
    configure: (settings) =>
      Effect.sync(() => {
        if (settings.offers !== undefined) parts.door.offer(settings.offers)
        if (settings.channelBinding !== undefined) parts.ntlm.policy = settings.channelBinding
        if (settings.lockAfter !== undefined) logIns.lockAfter = settings.lockAfter || undefined
        if (settings.serverVersion !== undefined) parts.release = releaseOf(settings.serverVersion)
      }),
    moveMailbox: (address, move) => at(address, (mailbox) => parts.moves.begin(mailbox, move)),
    addFault: (fault) => Effect.sync(() => faults.add(fault)),
    addAutodiscoverFault: (fault) => Effect.sync(() => script.add(fault)),
    clearFaults: Effect.sync(() => {
      faults.clear()
      script.clear()
    }),
    stopHeartbeat: (address) => atAllOr(address, (mailbox) => push.stopHeartbeat(mailbox)),
    resumeHeartbeat: (address) => atAllOr(address, (mailbox) => push.resumeHeartbeat(mailbox)),
    breakSubscriptions: (address, responseCode = "ErrorReadEventsFailed") =>
      atAllOr(address, (mailbox) => push.breakDown(mailbox, responseCode)),
    skipWatermark: (address) => atAllOr(address, (mailbox) => push.skip(mailbox)),
    forgetEvents: (address) => at(address, (mailbox) => mailbox.forgetHistory()),
    restart: Effect.sync(() => push.forget("all")),
    subscriptions: () => push.views(),
    deliveries: () => push.deliveries.all(),
    requests: () => parts.requests.all(),
    onDelivery: (listener) => push.deliveries.listen(listener),
    onSubscriptionEnded: (listener) => push.onEnded(listener),
    onRequest: (listener) => parts.requests.listen(listener),
    logins: () => ({ ...logIns.counts }),
    failedLogins: (address) => {
      const mailbox = directory.find(address)
      return mailbox === undefined ? 0 : logIns.failuresOf(mailbox)
    },
    rejections: () => ({
      failed: Object.fromEntries(
        directory
          .all()
          .map((mailbox) => [mailbox.address, logIns.failuresOf(mailbox)] as const)
          .filter(([, count]) => count > 0)
      ),
      locked: directory
        .all()
        .filter((mailbox) => logIns.isLocked(mailbox))
        .map((mailbox) => mailbox.address)
    }),
    operations: () => Object.fromEntries(parts.operations),
    until: (condition) => parts.changes.until(condition)
  }
}

const EWS_PATH = "/EWS/Exchange.asmx"
const MAX_REQUESTS = 500
