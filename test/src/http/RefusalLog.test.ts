import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { RefusalLog } from "../../../src/http/RefusalLog.ts"

const asker = (remoteAddress: string, forwarded?: string) => ({
  socket: { remoteAddress },
  headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded }
})

describe("the log of refusals", () => {
  it("tells each limit once, and then nothing until somebody is refused again", () => {
    const log = new RefusalLog()
    expect(log.take()).toEqual([])
    log.note("connections", asker("192.0.2.1"), "192.0.2.1")
    for (let i = 0; i < 3; i++) log.note("user", asker("192.0.2.2"), "192.0.2.2")
    log.note("newUsers", undefined, "")
    expect(log.take()).toEqual([
      "ENS_LIMIT_CONNECTIONS: 1 connections were refused or cut in the last minute, nearly all from 192.0.2.1",
      "ENS_LIMIT_USER: 3 requests were refused in the last minute, nearly all from 192.0.2.2",
      "ENS_LIMIT_NEW_USERS: 1 requests were refused in the last minute"
    ])
    expect(log.take()).toEqual([])
  })

  it("asks about a proxy only where one peer sends nearly all, and no proxy's word was believed", () => {
    const hint = (notes: ReadonlyArray<readonly [peer: string, source: string]>) => {
      const log = new RefusalLog()
      for (const [peer, source] of notes) log.note("address", asker(peer, "203.0.113.7"), source)
      return log.take().join().includes("ENS_TRUSTED_PROXIES")
    }
    const one = ["192.0.2.1", "192.0.2.1"] as const
    expect(hint(Array.from({ length: 20 }, () => one))).toBe(true)
    expect(hint(Array.from({ length: 20 }, (_, i) => [`192.0.2.${i}`, `192.0.2.${i}`] as const))).toBe(false)
    // The proxy is trusted: the source is another one than the peer.
    expect(hint(Array.from({ length: 20 }, () => ["192.0.2.1", "203.0.113.7"] as const))).toBe(false)
    const log = new RefusalLog()
    for (let i = 0; i < 20; i++) log.note("address", asker("192.0.2.1"), "192.0.2.1")
    expect(log.take().join()).not.toContain("ENS_TRUSTED_PROXIES")
  })

  it("names who makes nearly all of it, in whatever order they come, and says it of nobody else", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "a", "a", "a", "a", "a", "b", "c"), { minLength: 1 }),
        (sources) => {
          const log = new RefusalLog()
          for (const source of sources) log.note("failed", undefined, source)
          const [line = ""] = log.take()
          const share = (name: string) => sources.filter((source) => source === name).length / sources.length
          const named = / from (\w)$/.exec(line)?.[1] ?? ""
          expect(sources).toContain(named)
          if (line.includes("nearly all")) expect(share(named)).toBeGreaterThanOrEqual(0.9)
          if (share("a") === 1) expect(line).toContain("nearly all from a")
        }
      )
    )
  })
})
