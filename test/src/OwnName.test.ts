import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { ownName, type Started } from "../../src/OwnName.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"

const started = (more: Partial<Started>): Started => ({
  node: "node",
  script: "/opt/ens/src/main.ts",
  directory: "/opt/ens",
  environment: { PATH: "/nowhere" },
  ...more
})
const inNpm = (event: string, script: string) => ({
  environment: { PATH: "/nowhere", npm_lifecycle_event: event, npm_lifecycle_script: script }
})

describe("what the reader types for ens", () => {
  it("is what this process was started with: npm, npx, the program, or node itself", () => {
    expect(ownName(started(inNpm("ens", "node src/main.ts")))).toBe("npm run -s ens --")
    expect(ownName(started(inNpm("npx", "ens")))).toBe("npx ens")
    expect(ownName(started({ script: "/usr/local/bin/ens" }))).toBe("ens")
    expect(ownName(started({}))).toBe("node src/main.ts")
    expect(ownName(started({ directory: "/root" }))).toBe("node /opt/ens/src/main.ts")
    expect(ownName(started({ node: "/my node/node", directory: "/root" }))).toBe(
      '"/my node/node" /opt/ens/src/main.ts'
    )
  })

  it("is not taken from another script of npm that starts ENS", () => {
    expect(ownName(started(inNpm("deploy", "./deploy.sh")))).toBe("node src/main.ts")
  })

  it.scopedLive("is ens where a program of that name is found", () =>
    Effect.map(temporaryDirectory, (directory) => {
      writeFileSync(join(directory, "ens"), "#!/bin/sh\n")
      chmodSync(join(directory, "ens"), 0o755)
      expect(ownName(started({ environment: { PATH: `/nowhere::${directory}` } }))).toBe("ens")
    })
  )
})
