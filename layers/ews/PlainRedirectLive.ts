import { request } from "node:http"
import type { LookupFunction } from "node:net"
import { Effect, Layer } from "effect"
import { checkedLookup, checkLiteral } from "../net/CheckedLookup.ts"
import type { AddressRule } from "../net/ConnectAddress.ts"
import { PlainRedirect } from "./PlainRedirect.ts"

/** How names are resolved; Node's own way if absent. */
export interface PlainRedirectOptions {
  readonly lookup?: LookupFunction
}

export const layerWith = (options: PlainRedirectOptions): Layer.Layer<PlainRedirect> =>
  Layer.succeed(PlainRedirect, {
    locationOf: (url, listed, timeout) =>
      locationOf(url, listed, options.lookup).pipe(
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
  lookup: LookupFunction | undefined
): Effect.Effect<string | undefined, Error> =>
  Effect.async((resume) => {
    // Nothing is secret here, so what a secure connection may reach is right for this one too.
    const rule: AddressRule = { listed, secure: true }
    const { hostname } = new URL(url)
    try {
      checkLiteral(hostname.replace(/^\[|\]$/g, ""), rule)
    } catch (error) {
      return resume(Effect.fail(error instanceof Error ? error : new Error(String(error))))
    }
    const going = request(url, {
      method: "GET",
      agent: false,
      lookup: checkedLookup(rule, lookup),
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

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const HEADERS_MAX = 8_192
