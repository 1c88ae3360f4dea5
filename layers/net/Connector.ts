import { connect, isIP, type LookupFunction, type Socket } from "node:net"
import { checkServerIdentity, connect as connectTls, type SecureContext, type TLSSocket } from "node:tls"
import type { buildConnector } from "undici"
import { checkedAddress, checkedLookup, checkLiteral } from "./CheckedLookup.ts"
import type { ConnectRule } from "./ConnectAddress.ts"
import { ConnectError } from "./ConnectError.ts"
import type { EgressProxy } from "./EgressProxy.ts"
import { peerCertificateOf, rememberPeerCertificate } from "./PeerCertificate.ts"
import { opened } from "./PendingSocket.ts"
import { fingerprintsOf, matches } from "./Pins.ts"
import { openTunnel } from "./ProxyTunnel.ts"
import { isNotTrusted, tlsContexts } from "./TlsContexts.ts"

export { AddressNotAllowed } from "./CheckedLookup.ts"

/** How connections to Exchange, or to push gateways, are made. */
export interface ConnectorOptions {
  /** Milliseconds until TCP, the proxy's tunnel and TLS must be there. */
  readonly connectTimeout: number
  /** PEM certificates of authorities that are trusted besides the known ones. */
  readonly ca?: string
  /** Resolves names; Node's own if absent. */
  readonly lookup?: LookupFunction
  /** Connections with TLS leave through it, except to the hosts that it names. */
  readonly proxy?: EgressProxy | undefined
  /** Ends what is being opened; undici itself lets it go on until it stands. */
  readonly signal?: AbortSignal
}

/**
 * Opens connections for undici as the rule demands: only to allowed addresses, with the client's certificate if there is
 * one, and checks the server's certificate, pins included, before the first byte of HTTP. Every connection has a full TLS
 * handshake, because a resumed session shows no certificate: `peerCertificateOf` has it after the callback, for
 * `channelBindingOf`. Errors are `ConnectError`s, or those of Node; `connectReason` explains both.
 */
export const makeConnector =
  (rule: ConnectRule, options: ConnectorOptions): buildConnector.connector =>
  (target, callback) => {
    open(target, rule, options).then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null)
    )
  }

const open = async (
  target: buildConnector.Options,
  rule: ConnectRule,
  options: ConnectorOptions
): Promise<Socket> => {
  const end = new AbortController()
  const timer = setTimeout(() => end.abort(late(options.connectTimeout)), options.connectTimeout)
  const abort = () => end.abort(new ConnectError("ENS_CONNECT_ABORTED", "it is not wanted any more"))
  options.signal?.addEventListener("abort", abort)
  if (options.signal?.aborted) abort()
  const hostname = target.hostname.replace(/^\[|\]$/g, "")
  const dial: Dial = { hostname, port: portOf(target), rule, options, signal: end.signal }
  try {
    end.signal.throwIfAborted()
    checkLiteral(hostname, rule)
    if (rule.secure) return await openSecure(dial)
    if (rule.pins.length > 0) throw pinMismatch("pins are set, but http shows no certificate")
    return await openLine(dial)
  } catch (error) {
    throw end.signal.aborted ? end.signal.reason : error
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener("abort", abort)
  }
}

interface Dial {
  /** Without brackets. */
  readonly hostname: string
  readonly port: number
  readonly rule: ConnectRule
  readonly options: ConnectorOptions
  readonly signal: AbortSignal
}

const portOf = ({ port, protocol }: buildConnector.Options) =>
  port === "" ? (protocol === "https:" ? 443 : 80) : Number(port)

const late = (timeout: number) =>
  new ConnectError("UND_ERR_CONNECT_TIMEOUT", `no connection within ${timeout} ms`)

/** TCP to the host, or a tunnel there. */
const openLine = async (dial: Dial): Promise<Socket> => {
  const { hostname, options, port, rule, signal } = dial
  const { proxy } = options
  // Plain http stays on this machine.
  if (proxy !== undefined && rule.secure && !proxy.bypass.includes(hostname)) {
    return openTunnel(proxy, `${bracketed(await nameForProxy(dial))}:${port}`, signal)
  }
  const socket = connect({
    host: hostname,
    port,
    lookup: checkedLookup(rule, options.lookup),
    autoSelectFamily: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000
  })
  return opened(socket, "connect", signal)
}

/**
 * A listed host may be known to the proxy alone, so the proxy resolves its name. An unlisted one must have a public address,
 * which only we make sure of, so the proxy gets the address.
 */
const nameForProxy = ({ hostname, options, rule, signal }: Dial): string | Promise<string> =>
  rule.listed ? hostname : orAborted(checkedAddress(hostname, rule, options.lookup), signal)

const bracketed = (host: string) => (isIP(host) === 6 ? `[${host}]` : host)

/** A resolver cannot be told to stop. */
const orAborted = <A>(promise: Promise<A>, signal: AbortSignal): Promise<A> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener("abort", abort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort))
  })

const openSecure = async (dial: Dial): Promise<TLSSocket> => {
  const { options, rule } = dial
  const { identity, minVersion = "1.2" } = rule
  const [context, fallback] = tlsContexts({ ca: options.ca, minVersion, identity })
  try {
    return await openTls(dial, context())
  } catch (error) {
    if (fallback === undefined || !isNotTrusted(error)) throw error
    return openTls(dial, fallback())
  }
}

const openTls = async (dial: Dial, secureContext: SecureContext): Promise<TLSSocket> => {
  const { hostname, rule, signal } = dial
  const line = await openLine(dial)
  const socket: TLSSocket = connectTls({
    socket: line,
    // What the certificate must be for. Addresses are no server names (RFC 6066, 3).
    host: hostname,
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
    secureContext,
    // Else the environment could switch it off (NODE_TLS_REJECT_UNAUTHORIZED).
    rejectUnauthorized: true,
    checkServerIdentity: (name, certificate) => {
      rememberPeerCertificate(socket, certificate.raw)
      return checkServerIdentity(name, certificate)
    },
    ALPNProtocols: ["http/1.1"]
  })
  await opened(socket, "secureConnect", signal)
  const problem = pinProblem(socket, rule.pins)
  if (problem === undefined) return socket
  socket.destroy()
  throw problem
}

const pinProblem = (socket: TLSSocket, pins: ReadonlyArray<string>): ConnectError | undefined => {
  if (pins.length === 0) return undefined
  const certificate = peerCertificateOf(socket)
  if (certificate === undefined) return pinMismatch("it shows no certificate, but pins are set")
  const found = fingerprintsOf(certificate)
  if (matches(found, pins)) return undefined
  return pinMismatch(
    `its certificate (SHA-256 ${found.certificate}, of its key ${found.key}) is not one of the pinned ones`
  )
}

const pinMismatch = (message: string) => new ConnectError("ENS_PIN_MISMATCH", message)
