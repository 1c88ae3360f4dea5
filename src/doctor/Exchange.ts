import { randomUUID } from "node:crypto"
import { Effect, Layer, Redacted } from "effect"
import type { Autodiscover } from "../../layers/ews/Autodiscover.ts"
import * as DomainAutodiscover from "../../layers/ews/DomainAutodiscover.ts"
import type { EndpointPolicy } from "../../layers/ews/EndpointPolicy.ts"
import * as EndpointPolicyLive from "../../layers/ews/EndpointPolicyLive.ts"
import type { Ews } from "../../layers/ews/Ews.ts"
import * as EwsClient from "../../layers/ews/EwsClient.ts"
import type { Caller, HttpSessions } from "../../layers/ews/HttpSessions.ts"
import * as HttpSessionsLive from "../../layers/ews/HttpSessionsLive.ts"
import { LogInBudget } from "../../layers/ews/LogInBudget.ts"
import type { Tenant } from "../../layers/storage/Storage.ts"
import type { ActivityId, UserNumber } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import { Patient } from "./Patient.ts"
import type { MailboxQuestion } from "./Questions.ts"

export type Exchange = Autodiscover | EndpointPolicy | Ews | HttpSessions

/** Exchange as the service sees it, with the settings at hand. */
export const withExchange = <A, E, R>(use: Effect.Effect<A, E, R | Exchange>) =>
  Effect.flatMap(Patient, ({ settings }) =>
    Effect.provide(
      use,
      Layer.mergeAll(EwsClient.layer, DomainAutodiscover.layer).pipe(
        Layer.provideMerge(Layer.merge(HttpSessionsLive.layer, EndpointPolicyLive.layer)),
        Layer.provide(Layer.succeed(Settings, settings))
      )
    )
  )

/** On whose behalf is asked. One refused log-in, wherever that happens, and no other is tried: accounts get locked by a few. */
export const callerOf = (
  mailbox: MailboxQuestion,
  tenant: Tenant,
  policy: EndpointPolicy["Type"]
): Caller => ({
  user: "1" as UserNumber,
  authType: mailbox.authType,
  credentials: mailbox.credentials,
  budget: new LogInBudget(1, true),
  activityId: randomUUID() as ActivityId,
  allow: (url) => policy.recall(tenant, url),
  devices: mailbox.deviceId === undefined ? [] : [mailbox.deviceId]
})

/** Nobody in particular, for questions that anybody may ask. */
export const nobody = (tenant: Tenant, policy: EndpointPolicy["Type"]): Caller =>
  callerOf(
    {
      credentials: Redacted.make({ address: "nobody@localhost" }),
      authType: "Basic",
      hasLogIn: false,
      deviceId: undefined,
      ewsUrl: undefined
    },
    tenant,
    policy
  )
