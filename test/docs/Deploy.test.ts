import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { tree } from "../../src/cli/Command.ts"
import { find } from "../../src/cli/CommandTree.ts"
import { table } from "../../src/config/Table.ts"
import { retryTimes } from "../../src/sandbox/ExchangeRetry.ts"
import { ROOT, readDocument } from "./Markdown.ts"

const DOCUMENTS = ["docs/operations/deploy.md", "docs/operations/upgrade.md"]

/** Everything in code, inline or in a block. */
const codeOf = (markdown: string): ReadonlyArray<string> => [
  ...[...markdown.matchAll(/^ *```[^\n]*\n([\s\S]*?)^ *```/gm)].map(([, text = ""]) => text),
  ...[...markdown.replace(/^ *```[\s\S]*?^ *```/gm, "").matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text)
]

for (const document of DOCUMENTS) {
  const code = codeOf(readDocument(document)).join("\n")

  describe(document, () => {
    it("names files of the project that are there", () => {
      const named = [...code.matchAll(/(?:^|[ "`./(\\])(deploy[/\\][\w./\\-]+\w)/gm)].map(([, path = ""]) =>
        path.replaceAll("\\", "/")
      )
      expect(named.length).toBeGreaterThan(0)
      expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
    })

    it("names commands and options that there are", () => {
      const commands = [
        ...code.matchAll(
          /(?:^|[ (;]|main\.ts )ens ((?:[a-z][a-z-]+ ?)+)((?: ?--[a-z-]+(?: [^-\s]\S*| "[^"]*")?)*)/gm
        )
      ]
      const known = commands.filter(([, words = ""]) =>
        tree().children.some(({ name }) => name === words.split(" ")[0])
      )
      expect(known.length).toBeGreaterThan(3)
      for (const [all, words = "", options = ""] of known) {
        const { command } = find(tree(), words.trim().split(" "))
        const names = command.options.map(({ name }) => name.replace(/^--/, ""))
        for (const [, option = ""] of options.matchAll(/--([a-z-]+)/g)) expect(names, all).toContain(option)
        expect(command.children, all).toEqual([])
      }
    })

    it("names settings that there are", () => {
      const settings = new Set(Object.values(table).map(({ name }) => name))
      const named = [...code.matchAll(/\bENS_[A-Z_]+\b/g)].map(([name]) => name)
      // The command that stands beside the unit has two of its own.
      const unknown = named.filter(
        (name) => !settings.has(name) && !["ENS_HOME", "ENS_KEY_FILE"].includes(name)
      )
      expect(unknown).toEqual([])
    })
  })
}

it("docs/operations/upgrade.md promises no longer outage than Exchange bears when it gives up soonest", () => {
  const rows = [
    ...readDocument("docs/operations/upgrade.md").matchAll(/^\| (\d+)[^|]*\| (\d+) minutes \|$/gm)
  ]
  expect(rows).toHaveLength(3)
  for (const [, frequency, outage] of rows) {
    const lastTry = retryTimes("strict", Number(frequency)).at(-1) ?? 0
    expect(Number(outage)).toBe(Math.floor(lastTry))
  }
})
