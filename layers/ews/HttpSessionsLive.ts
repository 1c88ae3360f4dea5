import { Effect, Layer, type Scope } from "effect"
import { Settings, type SettingsShape } from "../../schemas/Settings.ts"
import { type ConnectorOptions, makeConnector } from "../net/Connector.ts"
import { makeHostList } from "../net/HostList.ts"
import { readAuthorities } from "./AuthorityFile.ts"
import { Connection } from "./Connection.ts"
import type { EwsSetupError } from "./EwsSetupError.ts"
import { type HostLimits, makeHostConnections } from "./HostConnections.ts"
import { HttpSessions } from "./HttpSessions.ts"
import { Offers } from "./Offers.ts"
import { Session, type Surroundings } from "./Session.ts"
import { ANSWER_LIMIT } from "./SoapAnswer.ts"

export { USER_AGENT } from "./RequestHeaders.ts"

/** Bounds and seams of the client; times in milliseconds. */
export interface HttpSessionsOptions extends HostLimits, ConnectorOptions {
  /** Longest silence of a host: until the answer begins, and between its pieces. */
  readonly silence: number
  /** How long a connection without a call is kept; shorter than IIS keeps it (2 minutes), because a race costs a call. */
  readonly keepAlive: number
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

const make = Effect.fnUntraced(function* (
  settings: SettingsShape,
  options: HttpSessionsOptions
): Effect.fn.Return<HttpSessions["Type"], EwsSetupError, Scope.Scope> {
  const ca = settings.ewsCaFile === undefined ? options.ca : yield* readAuthorities(settings.ewsCaFile)
  const connecting = { ...options, ...(ca === undefined ? {} : { ca }) }
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
    open: ({ endpoint, origin, secure }, _, kind) => {
      const rule = { listed: endpoint.listed, secure, pins: endpoint.pins }
      return new Connection(origin, kind, makeConnector(rule, connecting), limits)
    }
  }
  return HttpSessions.of({
    open: (caller) =>
      Effect.acquireRelease(
        Effect.sync(() => new Session(caller, shared)),
        (session) => Effect.sync(() => session.close())
      )
  })
})
