import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { ens } from "../../support/CommandLine.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const has = (program: string) => spawnSync(program, ["--version"]).status === 0

/** What bash proposes for these words, the last of which is being typed. */
const completed = (script: string, cwd: string, ...words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const ask = `source "$0"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
function_name=$(complete -p ens | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
"$function_name" "$1" "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "\${COMPREPLY[@]}"`
  const { status, stderr, stdout } = spawnSync("bash", ["--norc", "-c", ask, script, "ens", ...words], {
    cwd,
    encoding: "utf8"
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
  return stdout.split("\n").filter((line) => line !== "")
}

describe.skipIf(!has("bash"))("completion in bash (skipped if there is no bash)", () => {
  it.scopedLive("proposes commands, options, choices and files", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      mkdirSync(join(directory, "token"))
      writeFileSync(join(directory, "my settings.json"), "{}")
      const { out } = yield* ens("completions", "bash")
      const file = join(directory, "completion")
      writeFileSync(file, `${out}\n`)
      const bash = (...words: ReadonlyArray<string>) => completed(file, directory, ...words)

      expect(bash("tok")).toEqual(["token"])
      expect(bash("token", "")).toEqual(["create", "list", "revoke", "--help"])
      expect(bash("token", "create", "--ews")).toEqual(["--ews-url", "--ews-pin"])
      expect(bash("sandbox", "device", "reg")).toEqual(["register"])
      expect(bash("sandbox", "device", "register", "--platform", "")).toEqual(["iOS", "Android"])
      expect(bash("token", "list", "--config", "my")).toEqual(["my settings.json"])
      // A text that nobody can guess; and a word that only looks like a command.
      expect(bash("token", "create", "--label", "")).toEqual([])
      expect(bash("token", "create", "--label", "list", "--se")).toEqual(["--seg"])
      expect(bash("completions", "")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]))
    })
  )
})

/** Shells of which only the syntax is looked at. */
for (const [shell, check] of [
  ["zsh", ["-n"]],
  ["fish", ["--no-execute"]]
] as const) {
  describe.skipIf(!has(shell))(`completion in ${shell} (skipped if there is no ${shell})`, () => {
    it.scopedLive("parses", () =>
      Effect.gen(function* () {
        const file = join(yield* temporaryDirectory, "ens")
        writeFileSync(file, `${(yield* ens("completions", shell)).out}\n`)
        expect(spawnSync(shell, [...check, file]).status).toBe(0)
      })
    )
  })
}

it.effect("completion in fish knows commands below commands, and choices", () =>
  Effect.gen(function* () {
    const { out } = yield* ens("completions", "fish")
    expect(out).toContain(
      "complete -c ens -f -n '__fish_seen_subcommand_from token; and not __fish_seen_subcommand_from create list revoke' -a create"
    )
    expect(out).toMatch(/-l platform -x -a 'iOS Android'/)
    expect(out).toMatch(/-l config -r -F/)
  })
)
