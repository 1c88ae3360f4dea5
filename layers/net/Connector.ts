import { lookup as systemLookup } from "node:dns"
import { isIP, type LookupFunction } from "node:net"
import { getCACertificates } from "node:tls"
import { buildConnector } from "undici"
import { type ConnectRule, mayConnect } from "./ConnectAddress.ts"

/** How connections to Exchange are made. */
export interface ConnectorOptions {
  /** Milliseconds until TCP and TLS must be there. */
  readonly connectTimeout: number
  /** PEM certificates of authorities that are trusted besides the known ones. */
  readonly ca?: string
  /** Resolves names; Node's own if absent. */
  readonly lookup?: LookupFunction
}

/** No address of the host may be connected to. */
export class AddressNotAllowed extends Error {
  readonly code = "ENS_ADDRESS_NOT_ALLOWED"
  constructor() {
    super("its address may not be used: link-local, metadata, or private and not listed")
  }
}

/**
 * Opens connections for undici, but only to addresses that the rule allows. The check sits between the resolver and the
 * socket, so the address that was checked is the one that is used, whatever the name resolves to the next time.
 */
export const makeConnector = (rule: ConnectRule, options: ConnectorOptions): buildConnector.connector => {
  const resolve = options.lookup ?? (systemLookup as LookupFunction)
  const lookup: LookupFunction = (hostname, wanted, callback) =>
    resolve(hostname, { ...wanted, all: true }, (error, found) => {
      if (error !== null) return callback(error, [])
      const all = Array.isArray(found) ? found : []
      const allowed = all.filter(({ address }) => mayConnect(address, rule))
      const [first] = allowed
      if (first === undefined) callback(new AddressNotAllowed(), [])
      else if (wanted.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  const connect = buildConnector({
    timeout: options.connectTimeout,
    autoSelectFamily: true,
    lookup,
    ...(options.ca === undefined ? {} : { ca: [...getCACertificates(), options.ca] })
  })
  return (target, callback) => {
    // Node does not ask the resolver about addresses.
    const hostname = target.hostname.replace(/^\[|\]$/g, "")
    if (isIP(hostname) !== 0 && !mayConnect(hostname, rule)) callback(new AddressNotAllowed(), null)
    else connect(target, callback)
  }
}
