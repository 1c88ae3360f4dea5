import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import {
  Ews,
  type EwsAccount,
  type EwsCalls,
  type EwsSession,
  type Inbox,
  type Subscribed
} from "../../layers/ews/Ews.ts"
import * as EwsClient from "../../layers/ews/EwsClient.ts"
import type { HttpSessions } from "../../layers/ews/HttpSessions.ts"
import { type HttpSessionsOptions, layerWith as sessionsWith } from "../../layers/ews/HttpSessionsLive.ts"
import { registrationBudget } from "../../layers/ews/LogInBudget.ts"
import { withSession } from "../../layers/ews/WithSession.ts"
import type { Credentials } from "../../schemas/Credentials.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { Mail, MailShape } from "../../schemas/EwsMessage.ts"
import type { ActivityId, ItemId, UserNumber } from "../../schemas/Ids.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { settingsOf } from "./CryptoFixture.ts"

export type EwsClientOptions = HttpSessionsOptions

/** An account, and the time that each call for it may take. */
export type TimedAccount = EwsAccount & { readonly timeout: number }

/** `Ews` with a session of its own for every call. */
export class EwsCaller extends Context.Tag("ens/test/EwsCaller")<
  EwsCaller,
  {
    readonly subscribe: (
      account: TimedAccount,
      callbackUrl: string,
      minutes: number
    ) => Effect.Effect<Subscribed, EwsError>
    readonly inbox: (account: TimedAccount) => Effect.Effect<Inbox, EwsError>
    readonly mails: (
      account: TimedAccount,
      items: ReadonlyArray<ItemId>,
      shape: MailShape
    ) => Effect.Effect<ReadonlyArray<Mail>, EwsError>
  }
>() {}

/**
 * The real client with other bounds. Passwords go out by Basic unless other settings are given, so that a scripted server
 * need not ask for them first.
 */
export const layerWith = (
  options: Partial<EwsClientOptions>,
  settings: Partial<SettingsShape> = {}
): Layer.Layer<EwsCaller | Ews | HttpSessions> =>
  layer.pipe(
    Layer.provideMerge(EwsClient.layer),
    Layer.provideMerge(Layer.orDie(sessionsWith(options))),
    Layer.provide(settingsOf({ ewsPasswordAuth: { otherwise: "basic", hosts: new Map() }, ...settings }))
  )

/** Over any `Ews`. */
export const layer: Layer.Layer<EwsCaller, never, Ews> = Layer.effect(
  EwsCaller,
  Effect.map(Ews, (ews) =>
    EwsCaller.of({
      subscribe: (account, callbackUrl, statusFrequencyMinutes) =>
        within(ews, account, (session) =>
          session.subscribe({ callbackUrl, statusFrequencyMinutes, watermark: undefined }, account.timeout)
        ),
      inbox: (account) => within(ews, account, (session) => session.inbox(account.timeout)),
      mails: (account, items, shape) =>
        within(ews, account, (session) => session.mails(items, shape, account.timeout))
    })
  )
)

const within = <A>(
  ews: Ews["Type"],
  account: EwsAccount,
  use: (calls: EwsCalls) => Effect.Effect<A, EwsError>
): Effect.Effect<A, EwsError> => Effect.provideService(withSession(account, use), Ews, ews)

/** A session that lives as long as the test's scope, and keeps its place when a call fails. */
export const openSession = (account: EwsAccount): Effect.Effect<EwsSession, never, Ews | Scope.Scope> =>
  Effect.flatMap(Ews, (ews) => opened(ews, account))

/** The same at this `Ews`. */
export const opened = (
  ews: Ews["Type"],
  account: EwsAccount
): Effect.Effect<EwsSession, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => ews.open(account)),
    (session) => Effect.sync(session.close)
  )

type Changes = Partial<Omit<TimedAccount, "credentials" | "endpoint">> & {
  readonly endpoint?: Partial<EwsAccount["endpoint"]>
  readonly credentials?: Credentials
}

/** An account at this URL, a listed one with a password unless said otherwise; redirects are followed to listed hosts. */
export const timedAccount = (url: string, changes: Changes = {}): TimedAccount => ({
  user: "1" as UserNumber,
  allow: (target) => Effect.succeed({ url: target, listed: true, pins: [], seg: false }),
  exchangeVersion: "Exchange2013",
  authType: "Basic",
  activityId: "0a0a0a0a-1111-4222-8333-444444444444" as ActivityId,
  budget: registrationBudget(),
  devices: [],
  timeout: 10_000,
  ...changes,
  endpoint: { url, listed: true, pins: [], seg: false, ...changes.endpoint },
  credentials: Redacted.make(changes.credentials ?? { address: "ada@example.com", password: "pässword" })
})
