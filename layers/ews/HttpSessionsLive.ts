import { Effect, Either, Layer, type Redacted, type Scope } from "effect"
import { Settings, type SettingsShape } from "../../schemas/Settings.ts"
import type { ClientIdentity } from "../net/ClientIdentity.ts"
import type { ConnectRule } from "../net/ConnectAddress.ts"
import { type ConnectorOptions, makeConnector } from "../net/Connector.ts"
import { parseEgressProxy } from "../net/EgressProxy.ts"
import { makeHostList } from "../net/HostList.ts"
import { readAuthorities } from "./AuthorityFile.ts"
import { Connection } from "./Connection.ts"
import { EwsSetupError } from "./EwsSetupError.ts"
import { type HostLimits, makeHostConnections } from "./HostConnections.ts"
import { HttpSessions } from "./HttpSessions.ts"
import { Offers } from "./Offers.ts"
import { Session, type Surroundings } from "./Session.ts"
import { ANSWER_LIMIT } from "./SoapAnswer.ts"
import type { Target } from "./Target.ts"

export { USER_AGENT } from "./RequestHeaders.ts"

/** Bounds and seams of the client; times in milliseconds. */
export interface HttpSessionsOptions extends HostLimits, ConnectorOptions {
  /** Longest silence of a host: until the answer begins, and between its pieces. */
  readonly silence: number
  /** How long a connection without a call is kept; shorter than IIS keeps it (2 minutes), because a race costs a call. */
  readonly keepAlive: number
  /** Asked when a call has its place at the host, right before it is sent: false = it is not, any more. */
  readonly maySend?: (operation: string) => boolean
}

/** Exchange lets a user have 27 calls at a time (10 on Exchange 2010), so a host bears more than these (FACTS section 5). */
export const defaultOptions: HttpSessionsOptions = {
  connectionsPerHost: 16,
  waitingPerHost: 1000,
  hosts: 256,
  idleAfter: 300_000,
  connectTimeout: 5_000,
  silence: 30_000,
  keepAlive: 30_000
}

/**
 * `HttpSessions` over undici, as the settings have it. All connections are closed with the layer's scope; what the servers
 * offer for logging in is remembered for as long.
 */
export const layerWith = (
  options: Partial<HttpSessionsOptions>
): Layer.Layer<HttpSessions, EwsSetupError, Settings> =>
  Layer.scoped(
    HttpSessions,
    Effect.flatMap(Settings, (settings) => make(settings, { ...defaultOptions, ...options }))
  )

/** The same with the default bounds. */
export const layer: Layer.Layer<HttpSessions, EwsSetupError, Settings> = layerWith({})

/** What a connection to the target must be like. A host that nobody listed is never met halfway by an old version of TLS. */
export const ruleFor = (
  { endpoint, secure }: Pick<Target, "endpoint" | "secure">,
  identity: ClientIdentity | undefined,
  { ewsTlsMinVersion }: Pick<SettingsShape, "ewsTlsMinVersion">
): ConnectRule => ({
  listed: endpoint.listed,
  secure,
  pins: endpoint.pins,
  minVersion: endpoint.listed || ewsTlsMinVersion === "1.3" ? ewsTlsMinVersion : "1.2",
  ...(identity === undefined ? {} : { identity })
})

const make = Effect.fnUntraced(function* (
  settings: SettingsShape,
  options: HttpSessionsOptions
): Effect.fn.Return<HttpSessions["Type"], EwsSetupError, Scope.Scope> {
  const connecting: ConnectorOptions = {
    connectTimeout: options.connectTimeout,
    ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(settings.ewsCaFile === undefined ? {} : { ca: yield* readAuthorities(settings.ewsCaFile) }),
    proxy: settings.ewsProxyUrl && (yield* proxyOf(settings.ewsProxyUrl, settings.ewsProxyBypass))
  }
  const limits = { silence: options.silence, keepAlive: options.keepAlive, answer: ANSWER_LIMIT }
  const unbound = makeHostList(settings.ewsNoChannelBinding)
  const { hosts, otherwise } = settings.ewsPasswordAuth
  const shared: Surroundings = {
    hosts: yield* makeHostConnections(options),
    offers: new Offers(),
    passwordAuth: (hostname: string) => hosts.get(hostname) ?? otherwise,
    bindsChannel: (hostname: string) => !unbound.includes(hostname),
    segDeviceHeader: settings.segDeviceHeader,
    silence: options.silence,
    maySend: options.maySend ?? (() => true),
    open: (target, identity, kind) => {
      const rule = ruleFor(target, identity, settings)
      return new Connection(
        target.origin,
        kind,
        (signal) => makeConnector(rule, { ...connecting, signal }),
        limits
      )
    }
  }
  return HttpSessions.of({
    open: (caller, watches = []) => new Session(caller, watches, shared)
  })
})

const proxyOf = (url: Redacted.Redacted<string>, bypass: ReadonlyArray<string>) =>
  Either.mapLeft(
    parseEgressProxy(url, bypass),
    (problem) => new EwsSetupError({ setting: "ENS_EWS_PROXY_URL", problem })
  )
