import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { nodeFlags } from "../../src/HeapFlags.ts"
import { makeInstallation } from "../support/Installation.ts"
import { startProcess } from "../support/ServiceProcess.ts"

const MIB = 2 ** 20
const machine = { memory: 8192 * MIB, given: [], threads: undefined, canStayClosed: false }
const heapOf = (memory: number): number => {
  const flag = nodeFlags({ ...machine, memory }).flags.find((one) => one.startsWith("--max-old-space-size="))
  return Number(flag?.split("=")[1])
}

describe("the flags for Node", () => {
  it("leave a small machine room beside the heap, and give a large one enough for a million users", () => {
    expect(heapOf(512 * MIB)).toBe(288)
    expect(heapOf(8192 * MIB)).toBe(6048)
    expect(heapOf(1024 ** 4)).toBe(16_384)
    FastCheck.assert(
      FastCheck.property(FastCheck.integer({ min: 320, max: 2 ** 22 }), (mebibytes) => {
        expect(heapOf(mebibytes * MIB)).toBeLessThan(mebibytes)
      })
    )
  })

  it("never go against what the operator gave, however it is written", () => {
    for (const given of [
      "--max-old-space-size=900",
      "--max_old_space_size=900",
      // NODE_OPTIONS may have quotes.
      '"--max-old-space-size=900"',
      "--max-old-space-size-percentage=50"
    ])
      expect(nodeFlags({ ...machine, given: [given] }).flags).toEqual(["--max-semi-space-size=16"])
    expect(nodeFlags({ ...machine, given: ["--max-semi-space-size=4"] }).flags).toHaveLength(1)
    expect(nodeFlags({ ...machine, threads: "4" }).environment).toEqual({})
  })

  it("are complete: with them there is nothing more to set", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.maxSafeNat(), (memory) => {
        const { environment, flags } = nodeFlags({ ...machine, memory, canStayClosed: true })
        expect(flags).toContain("--disable-sigusr1")
        const again = nodeFlags({
          memory,
          canStayClosed: true,
          given: flags,
          threads: environment["UV_THREADPOOL_SIZE"]
        })
        expect(again).toEqual({ flags: [], environment: {} })
      })
    )
  })
})

const cannotLook =
  process.platform === "linux" ? "" : " (SKIPPED: only Linux shows a process's arguments in /proc)"

it.scopedLive.skipIf(cannotLook !== "")(`a service has them under its first process id${cannotLook}`, () =>
  Effect.gen(function* () {
    const installation = yield* makeInstallation({})
    const service = yield* startProcess(installation, ["--max-old-space-size=700"])
    const of = (file: string) => readFileSync(`/proc/${service.pid}/${file}`, "utf8").split("\0")
    const args = of("cmdline")
    expect(args.slice(1, 3)).toEqual(["--max-old-space-size=700", "--max-semi-space-size=16"])
    expect(args.slice(-2)).toEqual(["start", ""])
    // A debugger would be opened by a signal.
    expect(args).toContain("--disable-sigusr1")
    expect(of("coredump_filter")).toEqual(["00000000\n"])
    expect(of("environ")).toContainEqual(expect.stringMatching(/^UV_THREADPOOL_SIZE=\d+$/))
  })
)

it.scopedLive("a service that may start no other process does without them", () =>
  Effect.gen(function* () {
    const installation = yield* makeInstallation({})
    const allowed = ["--allow-fs-read=*", "--allow-fs-write=*", "--allow-worker"]
    const service = yield* startProcess(installation, ["--permission", ...allowed])
    yield* service.signal("SIGTERM")
    expect(yield* service.ended).toBe(0)
  })
)
