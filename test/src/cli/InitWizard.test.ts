import { spawn, spawnSync } from "node:child_process"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { configXml, P12_PASSWORD, p12 } from "../../support/CnsConfigXml.ts"
import { ens } from "../../support/CommandLine.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

/** From util-linux: gives a program a terminal. */
const hasTerminal = spawnSync("script", ["--version"]).stdout?.toString().includes("util-linux") === true

type Step = readonly [waitFor: string, type: string]

const ENTER = "\r"
const DOWN = "\u001b[B"
const CTRL_C = "\u0003"

/** Types each answer when its question is on the screen; what the screen showed at the end, and the exit code. */
const answered = (cwd: string, steps: ReadonlyArray<Step>, environment: NodeJS.ProcessEnv = {}) =>
  Effect.promise(
    () =>
      new Promise<{ readonly raw: string; readonly screen: string; readonly exitCode: number | null }>(
        (done) => {
          const main = resolve("src/main.ts")
          const shell = spawn("script", ["-qfec", `'${process.execPath}' '${main}' init`, "/dev/null"], {
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
          shell.on("close", () => clearTimeout(tooLong))
          shell.on("close", (exitCode) =>
            done({ raw, screen: stripVTControlCharacters(raw).replaceAll("\r", ""), exitCode })
          )
        }
      )
  )

const LOCAL: ReadonlyArray<Step> = [
  ["Public URL", ENTER],
  ["Address to listen on", ENTER],
  ["Directory for database", ENTER],
  ["Exchange's host", `mail.example.com${ENTER}`]
]

describe.skipIf(!hasTerminal)("ens init on a terminal (skipped without util-linux' script)", () => {
  it.scopedLive(
    "asks, checks each answer, shows a summary, and sets up what start then reads",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        writeFileSync(join(directory, "config.xml"), configXml(p12("AW Cloud Notification - acme")))
        const { exitCode, screen } = yield* answered(directory, [
          ...LOCAL,
          ["Push gateway", ENTER],
          ["config.xml of the", ENTER],
          ["The password that was chosen", `guess${ENTER}`],
          ["not open", `${"\u007f".repeat(5)}${P12_PASSWORD}${ENTER}`],
          ["Config file to write", ENTER],
          ["Set this up?", "y"]
        ])
        expect({ exitCode, screen }).toMatchObject({ exitCode: 0 })
        expect(screen).not.toContain(P12_PASSWORD)
        expect(screen).toMatch(/ENS_PUSH +cns/)
        expect(screen).toMatch(/made +CNS certificate/)
        expect(screen).toMatch(/^ensadm-/m)
        const config = join(directory, "ens.json")
        expect(screen).toContain(`ens start --config ${config}`)
        expect(statSync(config).mode & 0o777).toBe(0o600)
        expect(readFileSync(config, "utf8")).not.toContain(P12_PASSWORD)
        const dataDir = join(directory, "data")
        expect(existsSync(join(dataDir, "cns.certificate"))).toBe(true)
        const read = JSON.parse((yield* ens("config", "--json", "--config", config)).out)
        expect(read).toMatchObject({ ENS_DATA_DIR: dataDir, ENS_PUSH: "ios=cns,android=cns" })
      }),
    120_000
  )

  it.scopedLive(
    "leaves nothing behind after Ctrl-C or a no, and shows no colours with NO_COLOR",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const log = ["Push gateway", `${DOWN.repeat(3)}${ENTER}`] as const
        const ended = yield* answered(directory, [...LOCAL, log, ["Config file to write", CTRL_C]])
        expect(ended.exitCode).toBe(1)
        expect(ended.screen).toContain("ens: ended; nothing was made")
        const refused = yield* answered(
          directory,
          [...LOCAL, log, ["Config file to write", ENTER], ["Set this up?", "n"]],
          { NO_COLOR: "1" }
        )
        expect(refused.exitCode).toBe(0)
        expect(refused.screen).toContain("Nothing was made.")
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how colours begin
        expect(refused.raw).not.toMatch(/\u001b\[[\d;]*m/)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how colours begin
        expect(ended.raw).toMatch(/\u001b\[[\d;]*m/)
        expect(existsSync(join(directory, "data")) || existsSync(join(directory, "ens.json"))).toBe(false)
      }),
    120_000
  )
})
