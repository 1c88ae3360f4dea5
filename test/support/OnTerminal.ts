import { spawn, spawnSync } from "node:child_process"
import { stripVTControlCharacters } from "node:util"
import { Effect } from "effect"
import { CTRL_C, type Step } from "./Typing.ts"

/** From util-linux: gives a program a terminal. */
export const hasTerminal =
  spawnSync("script", ["--version"]).stdout?.toString().includes("util-linux") === true

/** What a program did on a terminal. */
export interface Shown {
  readonly raw: string
  /** Without colours and moves of the cursor. */
  readonly screen: string
  readonly exitCode: number | null
}

/** Runs a command as a shell takes it on a terminal, and types each answer when its question is on the screen. */
export const onTerminal = (
  command: string,
  cwd: string,
  steps: ReadonlyArray<Step> = [],
  environment: NodeJS.ProcessEnv = {}
): Effect.Effect<Shown> =>
  Effect.promise(
    () =>
      new Promise<Shown>((done) => {
        // A shell in between would answer Ctrl-C, too.
        const shell = spawn("script", ["-qfec", `exec ${command}`, "/dev/null"], {
          cwd,
          env: { PATH: process.env.PATH, TERM: "xterm", ...environment }
        })
        let raw = ""
        let seen = 0
        const left = [...steps]
        const go = () => {
          const [next] = left
          const at = next === undefined ? -1 : raw.indexOf(next[0], seen)
          if (next === undefined || at < 0) return
          left.shift()
          seen = at + next[0].length
          // The question is shown before its keys are listened to.
          setTimeout(() => {
            shell.stdin.write(next[1])
            go()
          }, 150)
        }
        shell.stdout.on("data", (data) => {
          raw += data
          go()
        })
        // What it waited for did not come: the screen tells why.
        const tooLong = setTimeout(() => shell.stdin.write(CTRL_C), 60_000)
        shell.on("close", (exitCode) => {
          clearTimeout(tooLong)
          done({ raw, screen: stripVTControlCharacters(raw).replaceAll("\r", ""), exitCode })
        })
      })
  )
