import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type Asset, SHELL } from "../../console/Assets.ts"
import { SECURITY_HEADERS } from "./Headers.ts"

/** The pages' addresses: all are the one page, which finds its way itself. */
const PAGES = new Set([
  "/console",
  "/console/user",
  "/console/tokens",
  "/console/certificates",
  "/console/audit"
])

/** What is at this path, by its exact name; undefined = nothing. Nothing here is looked for on disk. */
export const pageAt = (
  assets: ReadonlyMap<string, Asset>,
  path: string,
  headers: HttpServerRequest.HttpServerRequest["headers"]
): HttpServerResponse.HttpServerResponse | undefined => {
  const asset = assets.get(PAGES.has(withoutSlashes(path)) ? SHELL : path)
  return asset && (headers["if-none-match"] === asset.etag ? unchanged(asset) : respond(asset, headers))
}

/** At its end. No regular expression: one that looks for them from each slash on takes the square of the time. */
const withoutSlashes = (path: string): string => {
  let end = path.length
  while (end > 1 && path[end - 1] === "/") end -= 1
  return path.slice(0, end)
}

const unchanged = ({ etag }: Asset) => HttpServerResponse.empty({ status: 304, headers: headersOf(etag) })

const respond = (
  { body, contentType, etag, gzipped }: Asset,
  headers: HttpServerRequest.HttpServerRequest["headers"]
) => {
  const zips = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(headers["accept-encoding"] ?? "")
  return HttpServerResponse.uint8Array(zips ? gzipped : body, {
    contentType,
    headers: { ...headersOf(etag), ...(zips ? { "content-encoding": "gzip" } : {}) }
  })
}

const headersOf = (etag: string) => ({
  ...SECURITY_HEADERS,
  etag,
  // Names do not change with their content, so a browser has to ask each time.
  "cache-control": "no-cache",
  vary: "accept-encoding"
})
