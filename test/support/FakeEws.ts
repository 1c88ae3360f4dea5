import { Clock, Context, Deferred, Effect, Layer, Redacted } from "effect"
import { Ews, type EwsAccount, type EwsSession } from "../../layers/ews/Ews.ts"
import {
  EwsBlocked,
  EwsBusy,
  type EwsError,
  EwsForbidden,
  EwsRefused,
  EwsTimeout,
  EwsUnauthorized,
  EwsUnreachable,
  EwsUnusable
} from "../../schemas/EwsError.ts"
import type { ExchangeVersion, Mail, MailShape } from "../../schemas/EwsMessage.ts"
import type { ItemId, SubscriptionId, Watermark } from "../../schemas/Ids.ts"

export type EwsOperation = "subscribe" | "inbox" | "mails" | "missed"

/** What a test says of a mail; the rest is made up. */
export interface NewMail {
  readonly sender?: string
  readonly subject?: string
  readonly preview?: string
  readonly isRead?: boolean
  /** Milliseconds since 1970; now if absent. */
  readonly receivedAt?: number
  /** The folder it lies in; the Inbox if absent. */
  readonly folder?: ItemId
}

export interface FakeSubscription {
  readonly subscriptionId: SubscriptionId
  readonly watermark: Watermark
  readonly address: string
  readonly callbackUrl: string
  readonly statusFrequencyMinutes: number
  /** Where its events were asked to go on. */
  readonly resumed: Watermark | undefined
}

/** One call as it reached the fake, faults included. */
export interface FakeCall {
  readonly operation: EwsOperation
  readonly account: EwsAccount
  readonly items: ReadonlyArray<ItemId>
  readonly shape: MailShape | undefined
  /** Of `missed`. */
  readonly since?: number
}

export interface FailOptions {
  /** How many calls fail; `Infinity` until `heal`. Default 1. */
  readonly times?: number
  /** The call has its effect at Exchange and only its answer is lost. Default false. */
  readonly effective?: boolean
}

/**
 * An Exchange made of maps, and the test's hand in it. Mailboxes exist as soon as they are named; the Inbox of an address
 * has the id `inboxIdOf(address)`. Everyone may log in until `setPassword`; who logs in is the credentials' user name, or
 * else the address, and opens the mailbox that `setOwner` gave to that name, or else the one called like it.
 */
export class FakeEws extends Context.Tag("ens/test/FakeEws")<
  FakeEws,
  {
    /** Puts a mail into the mailbox; an unread one in the Inbox raises the unread count. */
    readonly deliver: (address: string, mail?: NewMail) => Effect.Effect<ItemId>
    /** The unread count of the Inbox, without a call. */
    readonly unread: (address: string) => Effect.Effect<number>
    /** The Inbox has this id from now on, as after the mailbox was moved to another server. */
    readonly setInbox: (address: string, inbox: ItemId) => Effect.Effect<void>
    /** What all servers speak from now on; they do not say before. */
    readonly setServerVersion: (version: ExchangeVersion) => Effect.Effect<void>
    readonly setUnread: (address: string, unread: number) => Effect.Effect<void>
    /** Marks the mail read and lowers the unread count. */
    readonly markRead: (address: string, item: ItemId) => Effect.Effect<void>
    /** The mail is gone: `mails` leaves it out. */
    readonly remove: (address: string, item: ItemId) => Effect.Effect<void>
    /** From now on another password is answered with 401. */
    readonly setPassword: (address: string, password: string) => Effect.Effect<void>
    /** How many log-ins it has refused; calls whose budget is spent send none. */
    readonly refusedLogIns: Effect.Effect<number>
    /** `username` logs in to the mailbox of `address` (a delegate is somebody whose own mailbox is another one). */
    readonly setOwner: (username: string, address: string) => Effect.Effect<void>

    /** As a Secure Email Gateway: calls at such an endpoint that name this device are refused, until `pass`. */
    readonly block: (deviceId: string, status?: 400 | 403) => Effect.Effect<void>
    readonly pass: (deviceId: string) => Effect.Effect<void>
    /** Events cannot go on from any watermark from now on, as after a move to another database. */
    readonly forgetWatermarks: Effect.Effect<void>

    readonly failNext: (
      operation: EwsOperation,
      error: EwsError,
      options?: FailOptions
    ) => Effect.Effect<void>
    /** Forgets all faults still planned. */
    readonly heal: Effect.Effect<void>
    /** Calls of this kind are counted, then wait until `release`. */
    readonly hold: (operation: EwsOperation) => Effect.Effect<void>
    readonly release: (operation: EwsOperation) => Effect.Effect<void>
    /** Waits until `count` calls of this kind have begun (held ones included), since the layer was made. */
    readonly begun: (operation: EwsOperation, count: number) => Effect.Effect<void>

    readonly count: (operation?: EwsOperation) => Effect.Effect<number>
    /** How many calls were interrupted before their end. */
    readonly interrupted: Effect.Effect<number>
    /** The most calls that were under way at the same time. */
    readonly concurrent: Effect.Effect<number>
    readonly calls: Effect.Effect<ReadonlyArray<FakeCall>>
    readonly lastAccount: Effect.Effect<EwsAccount | undefined>
    readonly subscriptions: (address: string) => Effect.Effect<ReadonlyArray<FakeSubscription>>
  }
>() {}

/** The id of an address's Inbox at the fake; an event that concerns the Inbox carries it. */
export const inboxIdOf = (address: string): ItemId => `inbox-of-${address.toLowerCase()}` as ItemId

const at = (operation: string) => ({ operation, host: "exchange.test" })

/** One of each error, for `failNext`. */
export const faults = {
  blocked: (status: 400 | 403 = 403) => new EwsBlocked({ ...at("GetItem"), status }),
  unauthorized: () => new EwsUnauthorized({ ...at("GetItem"), offered: ["Basic"] }),
  forbidden: () => new EwsForbidden(at("GetItem")),
  busy: (retryAfter = 0) => new EwsBusy({ ...at("GetItem"), responseCode: "ErrorServerBusy", retryAfter }),
  refused: (responseCode: string) => new EwsRefused({ ...at("GetItem"), responseCode, status: 200 }),
  unreachable: (sent = false) => new EwsUnreachable({ ...at("GetItem"), reason: "ECONNREFUSED", sent }),
  timeout: (milliseconds = 5000) => new EwsTimeout({ ...at("GetItem"), milliseconds }),
  unusable: (status = 200) => new EwsUnusable({ ...at("GetItem"), status, reason: "an HTML page" })
}

interface Mailbox {
  inbox: ItemId
  unread: number
  password: string | undefined
  readonly mails: Map<ItemId, Mail>
  readonly subscriptions: Array<FakeSubscription>
}

interface Fault {
  readonly error: EwsError
  readonly effective: boolean
  times: number
}

const make = Effect.gen(function* () {
  const mailboxes = new Map<string, Mailbox>()
  const owners = new Map<string, string>()
  const faultsOf: Record<EwsOperation, Array<Fault>> = { subscribe: [], inbox: [], mails: [], missed: [] }
  const gates = {
    subscribe: yield* Effect.makeLatch(true),
    inbox: yield* Effect.makeLatch(true),
    mails: yield* Effect.makeLatch(true),
    missed: yield* Effect.makeLatch(true)
  }
  const calls: Array<FakeCall> = []
  const waiting: Array<{ operation: EwsOperation; count: number; reached: Deferred.Deferred<void> }> = []
  let underWay = 0
  let concurrent = 0
  let interrupted = 0
  let refusedLogIns = 0
  let serial = 0
  let knowsWatermarks = true
  const blocked = new Map<string, 400 | 403>()
  let serverVersion: ExchangeVersion | undefined

  const countOf = (operation?: EwsOperation) =>
    operation === undefined ? calls.length : calls.filter((call) => call.operation === operation).length

  const mailboxOf = (address: string): Mailbox => {
    const key = address.toLowerCase()
    const known = mailboxes.get(key)
    if (known !== undefined) return known
    const made: Mailbox = {
      inbox: inboxIdOf(address),
      unread: 0,
      password: undefined,
      mails: new Map(),
      subscriptions: []
    }
    mailboxes.set(key, made)
    return made
  }

  const begin = (call: FakeCall) =>
    Effect.sync(() => {
      calls.push(call)
      underWay++
      concurrent = Math.max(concurrent, underWay)
      for (const waiter of waiting) {
        if (waiter.operation === call.operation && countOf(call.operation) >= waiter.count) {
          Deferred.unsafeDone(waiter.reached, Effect.void)
        }
      }
    })

  /** Address of the mailbox that these credentials open; 401 where the password is wrong. */
  const logIn = (account: EwsAccount): Effect.Effect<string, EwsError> => {
    const credentials = Redacted.value(account.credentials)
    const name = (credentials.username ?? credentials.address).toLowerCase()
    const own = owners.get(name) ?? (name.includes("@") ? name : credentials.address.toLowerCase())
    const password = mailboxOf(own).password
    if (account.budget.allows && (password === undefined || password === credentials.password)) {
      return Effect.succeed(own)
    }
    if (account.budget.allows) {
      account.budget.spend()
      refusedLogIns += 1
    }
    return Effect.fail(faults.unauthorized())
  }

  const letPass = ({ devices, endpoint }: EwsAccount): Effect.Effect<void, EwsError> => {
    const status = devices.map((device) => blocked.get(device)).find((one) => one !== undefined)
    return endpoint.seg && status !== undefined ? Effect.fail(faults.blocked(status)) : Effect.void
  }

  const call = <A>(asked: FakeCall, answer: (own: string) => Effect.Effect<A, EwsError>) =>
    begin(asked).pipe(
      Effect.zipRight(gates[asked.operation].await),
      Effect.zipRight(
        Effect.suspend(() => {
          const [fault] = faultsOf[asked.operation]
          if (fault === undefined) {
            return letPass(asked.account).pipe(Effect.zipRight(logIn(asked.account)), Effect.flatMap(answer))
          }
          if (--fault.times <= 0) faultsOf[asked.operation].shift()
          const failed = Effect.fail(fault.error)
          return fault.effective
            ? Effect.flatMap(logIn(asked.account), answer).pipe(Effect.zipRight(failed))
            : failed
        })
      ),
      Effect.onInterrupt(() => Effect.sync(() => interrupted++)),
      Effect.ensuring(Effect.sync(() => underWay--))
    )

  const sessionOf = (account: EwsAccount): EwsSession => ({
    subscribe: ({ callbackUrl, statusFrequencyMinutes, watermark }) =>
      call({ operation: "subscribe", account, items: [], shape: undefined }, (own) => {
        const address = Redacted.value(account.credentials).address.toLowerCase()
        if (own !== address) {
          return Effect.fail(faults.refused("ErrorSubscriptionDelegateAccessNotSupported"))
        }
        if (watermark !== undefined && !knowsWatermarks) {
          return Effect.fail(faults.refused("ErrorInvalidWatermark"))
        }
        const subscription: FakeSubscription = {
          subscriptionId: `subscription-${++serial}` as SubscriptionId,
          watermark: `watermark-${serial}` as Watermark,
          address,
          callbackUrl,
          statusFrequencyMinutes,
          resumed: watermark
        }
        mailboxOf(own).subscriptions.push(subscription)
        return Effect.succeed({
          subscriptionId: subscription.subscriptionId,
          watermark: subscription.watermark,
          serverVersion
        })
      }),
    inbox: () =>
      call({ operation: "inbox", account, items: [], shape: undefined }, (own) =>
        Effect.sync(() => ({
          folderId: mailboxOf(own).inbox,
          unreadCount: mailboxOf(own).unread,
          serverVersion
        }))
      ),
    mails: (items, shape) =>
      call({ operation: "mails", account, items, shape }, (own) =>
        Effect.sync(() =>
          items
            .map((item) => mailboxOf(own).mails.get(item))
            .filter((mail) => mail !== undefined)
            .map((mail) => shown(mail, shape))
        )
      ),
    missed: (since, limit, shape) =>
      call({ operation: "missed", account, items: [], shape, since }, (own) =>
        Effect.map(Clock.currentTimeMillis, (clock) => {
          const { inbox, mails } = mailboxOf(own)
          const found = [...mails.values()]
            .filter(
              (mail) => !mail.isRead && mail.parentFolderId === inbox && (mail.receivedAt ?? 0) >= since
            )
            .toSorted((a, b) => (b.receivedAt ?? 0) - (a.receivedAt ?? 0))
          return {
            mails: found.slice(0, limit).map((mail) => shown(mail, shape)),
            more: found.length > limit,
            clock
          }
        })
      ),
    close: () => {}
  })
  const ews = Ews.of({ open: sessionOf })

  const fake: Context.Tag.Service<FakeEws> = {
    deliver: (address, mail = {}) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const mailbox = mailboxOf(address)
        const itemId = `item-${++serial}` as ItemId
        const { inbox } = mailbox
        const delivered: Mail = {
          itemId,
          parentFolderId: mail.folder ?? inbox,
          receivedAt: mail.receivedAt ?? now,
          isRead: mail.isRead ?? false,
          sender: mail.sender ?? "Ada Lovelace",
          subject: mail.subject ?? `Subject of ${itemId}`,
          preview: mail.preview ?? `Preview of ${itemId}`
        }
        mailbox.mails.set(itemId, delivered)
        if (!delivered.isRead && delivered.parentFolderId === inbox) mailbox.unread++
        return itemId
      }),
    unread: (address) => Effect.sync(() => mailboxOf(address).unread),
    setInbox: (address, inbox) =>
      Effect.sync(() => {
        mailboxOf(address).inbox = inbox
      }),
    setServerVersion: (version) =>
      Effect.sync(() => {
        serverVersion = version
      }),
    setUnread: (address, unread) =>
      Effect.sync(() => {
        mailboxOf(address).unread = unread
      }),
    markRead: (address, item) =>
      Effect.sync(() => {
        const mailbox = mailboxOf(address)
        const mail = mailbox.mails.get(item)
        if (mail === undefined || mail.isRead) return
        mailbox.mails.set(item, { ...mail, isRead: true })
        if (mail.parentFolderId === mailbox.inbox) mailbox.unread--
      }),
    remove: (address, item) =>
      Effect.sync(() => {
        const mailbox = mailboxOf(address)
        const mail = mailbox.mails.get(item)
        mailbox.mails.delete(item)
        if (mail !== undefined && !mail.isRead && mail.parentFolderId === mailbox.inbox) mailbox.unread--
      }),
    setPassword: (address, password) =>
      Effect.sync(() => {
        mailboxOf(address).password = password
      }),
    refusedLogIns: Effect.sync(() => refusedLogIns),
    setOwner: (username, address) =>
      Effect.sync(() => {
        owners.set(username.toLowerCase(), address.toLowerCase())
      }),
    block: (deviceId, status = 403) => Effect.sync(() => void blocked.set(deviceId, status)),
    pass: (deviceId) => Effect.sync(() => void blocked.delete(deviceId)),
    forgetWatermarks: Effect.sync(() => {
      knowsWatermarks = false
    }),
    failNext: (operation, error, options = {}) =>
      Effect.sync(() => {
        const { effective = false, times = 1 } = options
        faultsOf[operation].push({ error, effective, times })
      }),
    heal: Effect.sync(() => {
      for (const planned of Object.values(faultsOf)) planned.length = 0
    }),
    hold: (operation) => gates[operation].close,
    release: (operation) => gates[operation].open,
    begun: (operation, count) =>
      Effect.suspend(() => {
        if (countOf(operation) >= count) return Effect.void
        return Effect.flatMap(Deferred.make<void>(), (reached) => {
          waiting.push({ operation, count, reached })
          return Deferred.await(reached)
        })
      }),
    count: (operation) => Effect.sync(() => countOf(operation)),
    interrupted: Effect.sync(() => interrupted),
    concurrent: Effect.sync(() => concurrent),
    calls: Effect.sync(() => [...calls]),
    lastAccount: Effect.sync(() => calls.at(-1)?.account),
    subscriptions: (address) => Effect.sync(() => [...mailboxOf(address).subscriptions])
  }

  return Context.make(Ews, ews).pipe(Context.add(FakeEws, fake))
})

/** `Ews` for tests, with its strings in `FakeEws`. */
export const layer: Layer.Layer<Ews | FakeEws> = Layer.effectContext(make)

const shown = (mail: Mail, shape: MailShape): Mail => ({
  ...mail,
  sender: shape.sender ? mail.sender : undefined,
  subject: shape.subject ? mail.subject : undefined,
  preview: shape.preview ? mail.preview : undefined
})
