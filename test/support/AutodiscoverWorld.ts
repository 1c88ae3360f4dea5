import type { SrvRecord } from "node:dns"
import { Effect, Layer, Redacted } from "effect"
import * as DomainAutodiscover from "../../layers/ews/DomainAutodiscover.ts"
import * as EndpointPolicyLive from "../../layers/ews/EndpointPolicyLive.ts"
import { type Caller, HttpSessions } from "../../layers/ews/HttpSessions.ts"
import { registrationBudget } from "../../layers/ews/LogInBudget.ts"
import { PlainRedirect } from "../../layers/ews/PlainRedirect.ts"
import { SrvRecords } from "../../layers/ews/SrvRecords.ts"
import type { Tenant } from "../../layers/storage/Storage.ts"
import type { ActivityId, TenantNumber, UserNumber } from "../../schemas/Ids.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { settingsOf } from "./CryptoFixture.ts"
import { type FakeHttpSessions, makeFakeHttpSessions } from "./FakeHttpSessions.ts"
import * as LogRecorder from "./LogRecorder.ts"

/** Everything that Autodiscover can ask, scripted. */
export interface AutodiscoverWorld {
  readonly http: FakeHttpSessions
  /** Location by plain-HTTP URL. */
  readonly plain: Map<string, string>
  readonly plainAsked: Array<{ readonly url: string; readonly listed: boolean }>
  readonly srv: Map<string, ReadonlyArray<SrvRecord>>
  readonly srvAsked: Array<string>
  readonly log: Array<LogRecorder.LogLine>
  /** The real Autodiscover and policy over it. */
  readonly layer: ReturnType<typeof layerOf>
}

export const makeWorld = (settings: Partial<SettingsShape> = {}): AutodiscoverWorld => {
  const parts = {
    http: makeFakeHttpSessions(),
    plain: new Map<string, string>(),
    plainAsked: [] as Array<{ readonly url: string; readonly listed: boolean }>,
    srv: new Map<string, ReadonlyArray<SrvRecord>>(),
    srvAsked: [] as Array<string>,
    log: [] as Array<LogRecorder.LogLine>
  }
  return { ...parts, layer: layerOf(parts, settings) }
}

const layerOf = (parts: Omit<AutodiscoverWorld, "layer">, settings: Partial<SettingsShape>) =>
  DomainAutodiscover.layerWithSeams.pipe(
    Layer.provide(
      Layer.succeed(PlainRedirect, {
        locationOf: (url, listed) =>
          Effect.sync(() => {
            parts.plainAsked.push({ url, listed })
            return parts.plain.get(url)
          })
      })
    ),
    Layer.provide(
      Layer.succeed(SrvRecords, {
        lookup: (name) =>
          Effect.sync(() => {
            parts.srvAsked.push(name)
            return parts.srv.get(name) ?? []
          })
      })
    ),
    Layer.provide(Layer.succeed(HttpSessions, parts.http.service)),
    Layer.provideMerge(EndpointPolicyLive.layer),
    Layer.provideMerge(settingsOf(settings)),
    Layer.provideMerge(LogRecorder.layer(parts.log))
  )

export const tenantWith = (more: Partial<Tenant> = {}): Tenant => ({
  tenant: 1 as TenantNumber,
  name: "default",
  ewsUrls: [],
  ewsPins: [],
  seg: false,
  ...more
})

export const callerOf = (address = "ada@contoso.com", more: Partial<Caller> = {}): Omit<Caller, "allow"> => ({
  user: "1" as UserNumber,
  authType: "Basic",
  credentials: Redacted.make({ address, password: "s3cret-word" }),
  budget: registrationBudget(),
  activityId: "0a0a0a0a-1111-4222-8333-444444444444" as ActivityId,
  devices: [],
  ...more
})
