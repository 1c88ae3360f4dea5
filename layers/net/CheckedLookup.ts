import { lookup as systemLookup } from "node:dns"
import { isIP, type LookupFunction } from "node:net"
import { type AddressRule, mayConnect } from "./ConnectAddress.ts"
import { ConnectError } from "./ConnectError.ts"

/** No address of the host may be connected to. */
export class AddressNotAllowed extends ConnectError {
  constructor() {
    super(
      "ENS_ADDRESS_NOT_ALLOWED",
      "its address may not be used: link-local, metadata, or private and not listed"
    )
  }
}

/**
 * Resolves names to those of their addresses that the rule allows, as the last thing in front of the socket: the address
 * that was checked is the one that is used, whatever the name resolves to the next time. `resolve`: Node's own if absent.
 */
export const checkedLookup =
  (rule: AddressRule, resolve: LookupFunction = systemLookup as LookupFunction): LookupFunction =>
  (hostname, wanted, callback) =>
    resolve(hostname, { ...wanted, all: true }, (error, found) => {
      if (error !== null) return callback(error, [])
      const all = Array.isArray(found) ? found : []
      const allowed = all.filter(({ address }) => mayConnect(address, rule))
      const [first] = allowed
      if (first === undefined) callback(new AddressNotAllowed(), [])
      else if (wanted.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })

/** Throws if the host is an address, which resolvers are not asked about, and may not be used. */
export const checkLiteral = (hostname: string, rule: AddressRule): void => {
  if (isIP(hostname) !== 0 && !mayConnect(hostname, rule)) throw new AddressNotAllowed()
}

/** One address of the host that the rule allows, for somebody else to connect to; IPv4 first, which works everywhere. */
export const checkedAddress = (
  hostname: string,
  rule: AddressRule,
  resolve?: LookupFunction
): Promise<string> =>
  new Promise((done, fail) => {
    checkLiteral(hostname, rule)
    if (isIP(hostname) !== 0) return done(hostname)
    checkedLookup(rule, resolve)(hostname, { all: true }, (error, found) => {
      if (error !== null) return fail(error)
      const all = Array.isArray(found) ? found : []
      const best = all.find(({ family }) => family === 4) ?? all[0]
      best === undefined ? fail(new AddressNotAllowed()) : done(best.address)
    })
  })
