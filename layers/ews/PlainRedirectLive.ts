import { lookup as systemLookup } from "node:dns"
import { request } from "node:http"
import { isIP, type LookupFunction } from "node:net"
import { Effect, Layer } from "effect"
import { type ConnectRule, mayConnect } from "../net/ConnectAddress.ts"
import { AddressNotAllowed } from "../net/Connector.ts"
import { PlainRedirect } from "./PlainRedirect.ts"

/** How names are resolved; Node's own way if absent. */
export interface PlainRedirectOptions {
  readonly lookup?: LookupFunction
}

export const layerWith = (options: PlainRedirectOptions): Layer.Layer<PlainRedirect> =>
  Layer.succeed(PlainRedirect, {
    locationOf: (url, listed, timeout) =>
      locationOf(url, listed, options.lookup ?? (systemLookup as LookupFunction)).pipe(
        Effect.timeout(timeout),
        Effect.tapError((error) => Effect.logDebug(`no plain-HTTP redirect: ${error.message}`)),
        Effect.orElseSucceed(() => undefined)
      )
  })

export const layer: Layer.Layer<PlainRedirect> = layerWith({})

/** What comes after the headers is not read. */
const locationOf = (
  url: string,
  listed: boolean,
  resolve: LookupFunction
): Effect.Effect<string | undefined, Error> =>
  Effect.async((resume) => {
    // Nothing is secret here, so what a secure connection may reach is right for this one too.
    const rule: ConnectRule = { listed, secure: true }
    const { hostname } = new URL(url)
    const address = hostname.replace(/^\[|\]$/g, "")
    if (isIP(address) !== 0 && !mayConnect(address, rule)) return resume(Effect.fail(new AddressNotAllowed()))
    const going = request(url, {
      method: "GET",
      agent: false,
      lookup: checked(resolve, rule),
      maxHeaderSize: HEADERS_MAX
    })
    going.on("response", ({ headers, statusCode }) => {
      going.destroy()
      resume(Effect.succeed(REDIRECTS.has(statusCode ?? 0) ? headers.location : undefined))
    })
    going.on("error", (error) => resume(Effect.fail(error)))
    going.end()
    return Effect.sync(() => going.destroy())
  })

/** Hands the socket only addresses that the rule allows, so that the address which was checked is the one that is used. */
const checked =
  (resolve: LookupFunction, rule: ConnectRule): LookupFunction =>
  (hostname, wanted, callback) =>
    resolve(hostname, { ...wanted, all: true }, (error, found) => {
      if (error !== null) return callback(error, [])
      const allowed = (Array.isArray(found) ? found : []).filter(({ address }) => mayConnect(address, rule))
      const [first] = allowed
      if (first === undefined) callback(new AddressNotAllowed(), [])
      else if (wanted.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const HEADERS_MAX = 8_192
