import { resolve } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { hasTerminal, onTerminal } from "../../support/OnTerminal.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is how colours begin
const COLOR = /\u001b\[[\d;]*m/

describe.skipIf(!hasTerminal)("colours on a terminal (skipped without util-linux' script)", () => {
  it.scopedLive(
    "are in warnings and help, and in neither with NO_COLOR",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const ens = (args: string, environment = {}) =>
          onTerminal(`'${process.execPath}' '${resolve("src/main.ts")}' ${args}`, directory, [], environment)
        // A setting that there is not is warned of.
        const warned = yield* ens("config --json", { ENS_PROT: "1" })
        expect(warned.screen).toMatch(/WARN .*ENS_PROT/)
        expect(warned.raw).toMatch(COLOR)
        const plain = yield* ens("config --json", { ENS_PROT: "1", NO_COLOR: "1" })
        expect(plain.screen).toMatch(/WARN .*ENS_PROT/)
        expect(plain.raw).not.toMatch(COLOR)
        expect((yield* ens("--help")).raw).toMatch(COLOR)
        expect((yield* ens("--help", { NO_COLOR: "1" })).raw).not.toMatch(COLOR)
      }),
    120_000
  )
})
