import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { ens } from "../../support/CommandLine.ts"
import { hasTerminal, onTerminal } from "../../support/OnTerminal.ts"
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
      expect(bash("token", "")).toEqual(["create", "list", "rotate", "revoke", "--help"])
      expect(bash("token", "create", "--ews")).toEqual(["--ews-url", "--ews-pin"])
      expect(bash("sandbox", "device", "reg")).toEqual(["register"])
      expect(bash("sandbox", "device", "register", "--platform", "")).toEqual(["iOS", "Android"])
      expect(bash("token", "list", "--config", "my")).toEqual(["my settings.json"])
      // A text that nobody can guess; and a word that only looks like a command.
      expect(bash("token", "create", "--label", "")).toEqual([])
      expect(bash("token", "create", "--label", "list", "--se")).toEqual(["--seg"])
      // bash takes this apart at the sign.
      expect(bash("token", "list", "--config", "=", "my")).toEqual(["my settings.json"])
      expect(bash("sandbox", "device", "register", "--platform", "=")).toEqual(["iOS", "Android"])
      expect(bash("completions", "")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]))
    })
  )
})

/** A directory with the script for a shell, which is not proposed, and with a file and a directory to be proposed. */
const prepared = (shell: string) =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    mkdirSync(join(directory, "token"))
    writeFileSync(join(directory, "my settings.json"), "{}")
    const script = join(directory, "_ens")
    writeFileSync(script, `${(yield* ens("completions", shell)).out}\n`)
    return { directory, script }
  })

/**
 * What an interactive shell runs when these lines are typed, each with a tab at its end: `start` is read first, and says
 * what `ens` is, in terms of `got`.
 */
const typed = (shell: "bash" | "zsh", directory: string, start: string, lines: ReadonlyArray<string>) => {
  const says = "got() { for i in \"$@\"; do printf '<%s>' \"$i\"; done; echo; }\nPS1='READY '\n"
  writeFileSync(join(directory, ".zshrc"), `${says}${start}\n`)
  return onTerminal(
    shell === "zsh" ? "zsh -i" : "bash --noprofile --rcfile .zshrc -i",
    directory,
    [...lines.map((line) => ["READY ", `${line}\t\r`] as const), ["READY ", "exit\r"]],
    { ZDOTDIR: directory, HOME: directory, LC_ALL: "C.UTF-8" }
  ).pipe(Effect.map(({ screen }) => screen.split("\n").flatMap((line) => /(<.*>)$/.exec(line)?.[1] ?? [])))
}

const LINES = [
  "ens tok",
  "ens sandbox device reg",
  "ens token create --ews-u",
  "ens sandbox device register --platform An",
  "ens token list --config my",
  "ens completions fi",
  "ens token create --label li",
  "ens token create --label list --se"
]
const COMPLETED = [
  "<token>",
  "<sandbox><device><register>",
  "<token><create><--ews-url>",
  "<sandbox><device><register><--platform><Android>",
  "<token><list><--config><my settings.json>",
  "<completions><fish>",
  "<token><create><--label><li>",
  "<token><create><--label><list><--seg>"
]

for (const shell of ["bash", "zsh"] as const) {
  const cannot = !has(shell) || !hasTerminal
  describe.skipIf(cannot)(`typing in ${shell} (skipped without ${shell} and util-linux' script)`, () => {
    const init = shell === "zsh" ? "autoload -U compinit; compinit -u -D\n" : ""
    it.scopedLive(
      "completes ens, and an alias for it through npm",
      () =>
        Effect.gen(function* () {
          const { directory, script } = yield* prepared(shell)
          const plain = `${init}ens() { got "$@"; }\nsource ${script}`
          expect(yield* typed(shell, directory, plain, LINES)).toEqual(COMPLETED)
          const alias = `${init}alias ens='got run -s ens --'\nsource ${script}`
          expect(yield* typed(shell, directory, alias, LINES.slice(0, 2))).toEqual(
            COMPLETED.slice(0, 2).map((words) => `<run><-s><ens><-->${words}`)
          )
        }),
      120_000
    )
  })
}

describe.skipIf(!has("zsh") || !hasTerminal)("zsh (skipped without zsh and util-linux' script)", () => {
  it.scopedLive(
    "finds the script in $fpath at the first tab, or sourced without compinit; --option=value, too",
    () =>
      Effect.gen(function* () {
        const { directory, script } = yield* prepared("zsh")
        const found = `ens() { got "$@"; }\nfpath=(${directory} $fpath)\nautoload -U compinit; compinit -u -D`
        expect(yield* typed("zsh", directory, found, LINES.slice(0, 1))).toEqual(["<token>"])
        const alone = `ens() { got "$@"; }\nZSH_DISABLE_COMPFIX=true\nsource ${script}`
        expect(yield* typed("zsh", directory, alone, ["ens token list --config=my"])).toEqual([
          "<token><list><--config=my settings.json>"
        ])
      }),
    120_000
  )
})

describe.skipIf(!has("fish"))("completion in fish (skipped if there is no fish)", () => {
  it.scopedLive("proposes commands, options, choices and files, for an alias, too", () =>
    Effect.gen(function* () {
      const { directory, script } = yield* prepared("fish")
      const fish = (line: string, before = "") => {
        const { status, stderr, stdout } = spawnSync(
          "fish",
          ["--no-config", "-c", `${before}source ${script}; complete -C ${JSON.stringify(line)}`],
          { cwd: directory, encoding: "utf8", env: { ...process.env, HOME: directory } }
        )
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
        return stdout
          .split("\n")
          .filter((text) => text !== "")
          .map((text) => text.split("\t")[0])
      }
      expect(fish("ens tok")).toEqual(["token"])
      expect(fish("ens token ")).toEqual(["create", "list", "revoke", "rotate"])
      expect(fish("ens token create --ews")).toEqual(["--ews-pin", "--ews-url"])
      expect(fish("ens sandbox device reg")).toEqual(["register"])
      expect(fish("ens sandbox device register --platform ")).toEqual(["Android", "iOS"])
      expect(fish("ens token list --config my")).toEqual(["my settings.json"])
      expect(fish("ens pin add my")).toEqual(["my settings.json"])
      expect(fish("ens completions ")).toEqual(["bash", "fish", "zsh"])
      expect(fish("ens user ")).toEqual([])
      expect(fish("ens token create --label ")).toEqual([])
      // A word that only looks like a command.
      expect(fish("ens token create --label list --")).toEqual(fish("ens token create --label phones --"))
      expect(fish("ens tok", "alias ens 'npm run -s ens --'; ")).toEqual(["token"])
    })
  )
})
