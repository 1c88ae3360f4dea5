import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"
import { type Asset, consoleAssets, SHELL } from "../../../src/console/Assets.ts"
import { SECURITY_HEADERS } from "../../../src/http/console/Headers.ts"
import * as Samples from "./Samples.ts"

/** A request as the stand-in got it. */
export interface Taken {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

/** Status and JSON; a plain value is 200. */
export class Answer {
  readonly status: number
  readonly json: unknown
  constructor(status: number, json?: unknown) {
    this.status = status
    this.json = json
  }
}

/** By `METHOD path` below `/console/api/`. */
export type Script = Record<string, (body: string) => unknown>

export const TOKEN = "ensadm-right"
export const PROOF = "the-proof"

/** The console's files as the service sends them, and an API that says what `script` says. */
export const startStandIn = async () => {
  const assets = Effect.runSync(consoleAssets)
  const taken: Array<Taken> = []
  const state = { isDown: false, isSignedIn: false }
  const script: Script = scriptOf(state)
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? ""
    if (state.isDown) request.socket.destroy()
    else if (path.startsWith("/console/api/")) void api(path.slice(13), request, response)
    else file(assets.get(path === "/console" ? SHELL : path), response)
  })
  const api = async (path: string, request: IncomingMessage, response: ServerResponse) => {
    const parts: Array<Buffer> = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts).toString()
    const method = request.method ?? ""
    taken.push({ method, path, headers: request.headers, body })
    const answer = answered(script, state.isSignedIn, { method, path, headers: request.headers, body })
    const { json, status } = answer instanceof Answer ? answer : new Answer(200, answer)
    response.writeHead(status, { ...SECURITY_HEADERS, "content-type": "application/json" })
    response.end(json === undefined ? "" : JSON.stringify(json))
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as AddressInfo).port,
    taken,
    script,
    state,
    stop: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    }
  }
}
export type StandIn = Awaited<ReturnType<typeof startStandIn>>

const file = (asset: Asset | undefined, response: ServerResponse) => {
  const type = asset === undefined ? {} : { "content-type": asset.contentType }
  response.writeHead(asset === undefined ? 404 : 200, { ...SECURITY_HEADERS, ...type }).end(asset?.body)
}

const answered = (script: Script, isSignedIn: boolean, { body, headers, method, path }: Taken): unknown => {
  if (path !== "session" && !isSignedIn) return new Answer(401, { problem: "sign in first" })
  const isChange = method !== "GET" && path !== "session"
  if (isChange && headers["x-ens-console"] !== PROOF) return new Answer(403, { problem: "no proof" })
  const act = script[`${method} ${path}`]
  return act === undefined ? new Answer(404, { problem: `nothing at ${method} ${path}` }) : act(body)
}

const scriptOf = (state: { isSignedIn: boolean }): Script => {
  const session = () => ({ label: "night shift", proof: PROOF, expiresAt: Date.now() + 3_600_000 })
  let level: unknown = { level: "info", until: null }
  return {
    "GET session": () => (state.isSignedIn ? session() : new Answer(401, { problem: "sign in first" })),
    "POST session": (body) => {
      if (JSON.parse(body).token !== TOKEN) return new Answer(401, { problem: "This is no admin token." })
      state.isSignedIn = true
      return session()
    },
    "DELETE session": () => {
      state.isSignedIn = false
      return new Answer(204)
    },
    "GET overview": () => Samples.overview(Date.now()),
    "GET series": () => Samples.series(Date.now()),
    [`GET users/${Samples.USER_ID}`]: () => Samples.userPage(Date.now()),
    [`POST users/${Samples.USER_ID}/actions`]: (body) => ({
      done: true,
      says: `${JSON.parse(body).action}: done for 2 devices.`
    }),
    "GET tokens": () => Samples.tokens(Date.now()),
    "POST tokens": () => ({ id: "3", tenant: "default", token: "ens_shown-this-once" }),
    "DELETE tokens/2": () => new Answer(204),
    "POST tokens/1/rotations": () => ({
      ...{ id: "4", tenant: "default", label: "phones", token: "ens_rotated-this-once", replaces: "1" },
      expiresAt: Date.now() + 86_400_000
    }),
    "POST admin-tokens/admin-2/rotations": () => ({
      ...{ id: "admin-3", tenant: null, label: "day shift", token: "ensadm-once", replaces: "admin-2" },
      expiresAt: Date.now() + 86_400_000
    }),
    "DELETE admin-tokens/admin-1": () => new Answer(204),
    "GET certificates": () => Samples.certificates(Date.now()),
    "GET audits": () => ({
      audits: [
        {
          at: Date.now() - 60_000,
          actor: "admin-1 night shift",
          action: "token.create",
          target: Samples.HOSTILE,
          outcome: "done"
        },
        {
          at: Date.now() - 90_000_000,
          actor: "admin-1 night shift",
          action: "user.forget",
          target: Samples.USER_ID,
          outcome: "failed"
        }
      ]
    }),
    "GET log-level": () => level,
    "PUT log-level": (body) => {
      level = JSON.parse(body)
      return level
    }
  }
}
