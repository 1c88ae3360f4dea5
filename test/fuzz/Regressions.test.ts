import { readFileSync } from "node:fs"
import { basename } from "node:path"
import { describe, it } from "@effect/vitest"
import { foundInputs, storedInputs } from "./Inputs.ts"
import { TARGETS, targetNamed } from "./Targets.ts"

/** A thread that hangs cannot tell, so what hung once shows as a test that does not end in this time. */
const WATCHDOG = 60_000

/** Findings that are too long for files. */
const LONG: ReadonlyArray<readonly [target: string, what: string, input: () => Buffer]> = [
  ["config-xml", "an error at every character", () => Buffer.from(`<a>${"]]>".repeat(90_000)}`)],
  ["settings", "a path of many slashes", () => Buffer.from(`a${"/".repeat(1_000_000)}a`)],
  ["settings", "a pair of many blanks", () => Buffer.from(`a=b${" ".repeat(130_000)}c`)],
  ["ntlm", "a megabyte of elements without contents", () => Buffer.alloc(1_048_576, Buffer.from([5, 0]))]
]

describe("a parser under fuzzing", () => {
  for (const [name, what, input] of LONG) {
    it(
      `${name} bears ${what}`,
      async () => {
        await (await targetNamed(name)).run(input())
      },
      WATCHDOG
    )
  }
  for (const name of TARGETS) {
    const found = foundInputs(name)
    for (const file of found) {
      it(
        `${name} bears what was found as ${basename(file)}`,
        async () => {
          await (await targetNamed(name)).run(readFileSync(file))
        },
        WATCHDOG
      )
    }
    it(
      `${name} bears its seeds and its corpus`,
      async () => {
        const target = await targetNamed(name)
        for (const { bytes } of [...target.seeds(), ...storedInputs(name)]) await target.run(bytes)
      },
      WATCHDOG
    )
  }
})
