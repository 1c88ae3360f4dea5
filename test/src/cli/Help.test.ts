import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { tree } from "../../../src/cli/Command.ts"
import type { CommandTree } from "../../../src/cli/CommandTree.ts"
import { EXAMPLES, GROUPS } from "../../../src/cli/Manual.ts"
import { nearest, unknownOption } from "../../../src/cli/Mistyped.ts"
import { ens } from "../../support/CommandLine.ts"

const all = (
  command: CommandTree,
  path: ReadonlyArray<string> = []
): ReadonlyArray<[string, CommandTree]> => [
  [path.join(" "), command],
  ...command.children.flatMap((child) => all(child, [...path, child.name]))
]

describe("the help of ens", () => {
  it("describes every command, argument and option, and has an example of each command", () => {
    const poor = all(tree()).flatMap(([path, { about, arguments: given, options }]) => [
      ...(about === "" ? [path] : []),
      ...[...given, ...options].filter((one) => one.about === "").map(({ name }) => `${path} ${name}`),
      ...(path !== "" && EXAMPLES[path] === undefined ? [`example of ${path}`] : [])
    ])
    expect(poor).toEqual([])
    expect(all(tree()).map(([path]) => path)).toContain("sandbox device register")
  })

  it("shows every command in a group of the manual, and examples of commands that exist", () => {
    const grouped = GROUPS.flatMap(([, names]) => names)
    expect(tree().children.filter(({ name }) => !grouped.includes(name))).toEqual([])
    for (const example of Object.values(EXAMPLES)) expect(example).toMatch(/^ens /)
  })

  it.effect("lists commands by what they are for, with exit codes", () =>
    Effect.gen(function* () {
      const { err, ok, out } = yield* ens("--help")
      expect({ err, ok }).toEqual({ err: "", ok: true })
      expect(out).toMatch(/^Begin\n {2}demo .*\n {2}init .*\n {2}start /m)
      expect(out).toMatch(/^Exit codes\n {2}0 done; 1 /m)
      expect(out).not.toContain("\u001b")
      expect((yield* ens()).out).toBe(out)
    })
  )

  it.effect("of one command has its options and an example, wherever --help stands", () =>
    Effect.gen(function* () {
      const { out } = yield* ens("token", "create", "--help")
      expect(out).toMatch(/^Usage: ens token create --label TEXT \[OPTIONS\]$/m)
      expect(out).toMatch(/^ {2}--ews-url TEXT +EWS URL/m)
      expect(out).toMatch(/^Example\n {2}ens token create --label phones/m)
      expect(out).not.toMatch(/This setting|user-defined/)
      expect((yield* ens("token", "create", "--label", "x", "-h")).out).toBe(out)
      expect((yield* ens("token", "-h")).out).toMatch(/^ {2}revoke +Revoke/m)
    })
  )
})

it.effect("a command of which there is more to say says it in its own help, in paragraphs", () =>
  Effect.gen(function* () {
    const told = /\n\nWorks before ens start and [\s\S]*\n\nEnds with 0 if nothing is wrong/
    expect((yield* ens("doctor", "--help")).out).toMatch(told)
    expect((yield* ens("--help")).out).not.toContain("Works before")
  })
)

describe("a mistyped command line", () => {
  it.effect("names the option whose value is missing", () =>
    Effect.gen(function* () {
      for (const [args, option] of [
        [["doctor", "--email"], "--email"],
        [["log-level", "debug", "--for"], "--for"],
        [["init", "--json", "--set"], "--set"]
      ] as const) {
        const { err, exitCode } = yield* ens(...args)
        expect(exitCode).toBe(2)
        expect(err).toContain(`${option} needs a value behind it; see: ens ${args[0]} --help`)
      }
    })
  )

  const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
    [["tokn"], "there is no command ens tokn; did you mean ens token?; see: ens --help"],
    [
      ["token", "crate"],
      "there is no command ens token crate; did you mean ens token create?; see: ens token --help"
    ],
    [["zzzzzz"], "there is no command ens zzzzzz; see: ens --help"],
    [
      ["token", "list", "--jsn"],
      "ens token list has no option --jsn; did you mean --json?; see: ens token list --help"
    ],
    [["token"], "ens token needs one of: create, list, rotate, revoke; see: ens token --help"]
  ]

  for (const [args, text] of wrong) {
    it.effect(`ens ${args.join(" ")}: names the nearest, and ends with code 2`, () =>
      Effect.gen(function* () {
        expect(yield* ens(...args)).toEqual({ ok: false, exitCode: 2, out: "", err: `ens: ${text}` })
      })
    )
  }

  it.effect("is one JSON object for programs", () =>
    Effect.gen(function* () {
      const { err, exitCode, out } = yield* ens("token", "revoke", "--json")
      expect({ out, exitCode }).toEqual({ out: "", exitCode: 2 })
      expect(JSON.parse(err)).toEqual({ error: expect.stringContaining("<ID>"), exitCode: 2 })
    })
  )

  it("has no unknown option where a value looks like one", () => {
    const create = ["token", "create"]
    expect(unknownOption(tree(), [...create, "--label", "--odd", "--", "--x"])).toBeUndefined()
    expect(unknownOption(tree(), [...create, "--ews-url=https://a", "--lable=x"])).toContain(
      "no option --lable; did you mean --label?"
    )
  })

  it("proposes only what is similar", () => {
    expect(nearest("doktor", ["doctor", "demo"])).toBe("doctor")
    expect(nearest("comp", ["config", "completions"])).toBe("completions")
    expect(nearest("x", ["init"])).toBeUndefined()
  })
})

describe("a command that fails", () => {
  it.effect("ends with code 1 if it was understood, as JSON too, and with 2 if a value is wrong", () =>
    Effect.gen(function* () {
      const config = ["--config", "/nowhere/ens.json"]
      const failed = yield* ens("token", "list", "--json", ...config)
      expect(failed.exitCode).toBe(1)
      expect(JSON.parse(failed.err)).toEqual({
        error: expect.stringContaining("/nowhere/ens.json cannot be read"),
        exitCode: 1
      })
      expect((yield* ens("token", "create", "--label", " ", ...config)).exitCode).toBe(2)
    })
  )
})
