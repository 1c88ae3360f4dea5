import { describe, expect, it } from "@effect/vitest"
import { BackOffs } from "../../../layers/ews/BackOffs.ts"

const wait = (until: number) => ({ until, responseCode: "ErrorServerBusy" })

describe("BackOffs", () => {
  it("keeps one user from one host, until the time is over", () => {
    const all = new BackOffs(10)
    all.begin("1", "https://a", wait(300), 0)
    expect(all.find("1", "https://a", 299)).toEqual(wait(300))
    expect(all.find("1", "https://b", 0)).toBeUndefined()
    expect(all.find("2", "https://a", 0)).toBeUndefined()
    expect(all.find("1", "https://a", 300)).toBeUndefined()
    expect(all.size).toBe(0)
  })

  it("holds on to the later end", () => {
    const all = new BackOffs(10)
    all.begin("1", "a", wait(300), 0)
    all.begin("1", "a", wait(200), 0)
    expect(all.find("1", "a", 0)).toEqual(wait(300))
    all.begin("1", "a", wait(400), 0)
    expect(all.find("1", "a", 0)).toEqual(wait(400))
  })

  it("keeps no more than it may, the newest", () => {
    const all = new BackOffs(100)
    for (let user = 0; user < 10_000; user += 1) all.begin(`${user}`, "a", wait(1_000), 0)
    expect(all.size).toBe(100)
    expect(all.find("9999", "a", 0)).toBeDefined()
    expect(all.find("9899", "a", 0)).toBeUndefined()
  })
})
