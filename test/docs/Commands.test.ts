import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { FAULT_NAMES, faultOf } from "../../schemas/Fault.ts"
import { tree } from "../../src/cli/Command.ts"
import { find } from "../../src/cli/CommandTree.ts"
import { EXAMPLES } from "../../src/cli/Manual.ts"
import { table } from "../../src/config/Table.ts"
import { ROOT } from "./Markdown.ts"

/** All documents and shipped files that administrators read. */
const documents = ["README.md", "CHANGELOG.md", ...below("docs"), ...below("deploy")]

describe("commands that documents and shipped files name", () => {
  for (const document of documents) {
    it(`are commands of ens with options that they take: ${document}`, () => {
      const wrong = commandsIn(readFileSync(join(ROOT, document), "utf8")).flatMap((command) =>
        problemsOf(command).map((problem) => `${command}: ${problem}`)
      )
      expect(wrong).toEqual([])
    })
  }

  it("are found at all", () => {
    const all = documents.flatMap((document) => commandsIn(readFileSync(join(ROOT, document), "utf8")))
    expect(all.length).toBeGreaterThan(80)
    expect(problemsOf("ens tokn list")).toHaveLength(1)
    expect(problemsOf("ens token create --lable x")).toHaveLength(1)
  })

  it("are commands of ens where help and cures name them", () => {
    const texts = [
      ...Object.values(EXAMPLES),
      ...FAULT_NAMES.flatMap((name) =>
        [...faultOf(name).cure.matchAll(/\bens [a-z][^,;)]*/g)].map(([text]) => text)
      )
    ]
    expect(texts.flatMap((text) => problemsOf(text).map((problem) => `${text}: ${problem}`))).toEqual([])
  })
})

describe("settings that documents and shipped files name", () => {
  const names = new Set(Object.values(table).map(({ name }) => name))
  for (const document of documents) {
    it(`are settings: ${document}`, () => {
      const text = readFileSync(join(ROOT, document), "utf8")
      const named = [...text.matchAll(/\b(?:ENS|OTEL)_[A-Z0-9_]+[A-Z0-9]\b/g)].map(([name]) => name)
      const unknown = named.filter(
        (name) =>
          !names.has(name) &&
          !names.has(name.replace(/_FILE$/, "")) &&
          ![...names].some((known) => known.startsWith(`${name}_`)) &&
          !NO_SETTINGS.has(name)
      )
      expect([...new Set(unknown)]).toEqual([])
    })
  }
})

/** Of scripts, tests and the sample client. */
const NO_SETTINGS: ReadonlySet<string> = new Set([
  // Of deploy/systemd/ens, which takes them out of the environment.
  "ENS_HOME",
  "ENS_KEY_FILE",

  "ENS_URL",
  "ENS_API_TOKEN",
  "ENS_REHEARSE",
  "ENS_TEST_MSSQL_URL"
])

function below(folder: string): ReadonlyArray<string> {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.(?:svg|png)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .sort()
}

/** What stands behind `ens` in code: to the end of the line or of the code span. */
function commandsIn(text: string): ReadonlyArray<string> {
  const code = [
    ...[...text.matchAll(/^```\w*[^\n]*\n(.*?)^```$/gms)].map(([, block = ""]) => block),
    ...[...text.replace(/^```.*?^```$/gms, "").matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span)
  ].join("\n")
  return code
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .flatMap((line) => [
      ...line.matchAll(/(?:^|[|;&({]\s*|(?<!-[go])\s)(?:npm run -s ens --|ens) ((?!--? )[a-z-].*)$/g)
    ])
    .map(([, rest = ""]) => `ens ${rest}`)
}

function problemsOf(command: string): ReadonlyArray<string> {
  const words = command
    .split(/[|;&><#]/)[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map((word) => word.replace(/^[[(]+|[\]),.…:]+$/g, ""))
  const { command: found, path } = find(tree(), words)
  if (path.length === 0) return words[0]?.startsWith("-") ? [] : ["no such command"]
  const options = words
    .slice(path.length)
    .filter((word) => word.startsWith("--") && word !== "--" && word !== "--help")
    .map((word) => word.split("=")[0]!)
  // A script names the command below a group by a variable.
  const known = [found, ...found.children].flatMap(({ options }) => options)
  return options
    .filter((option) => !known.some(({ name }) => name.split(/[,\s]+/).includes(option)))
    .map((option) => `${path.join(" ")} has no option ${option}`)
}
