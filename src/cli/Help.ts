import type { CommandTree, Option } from "./CommandTree.ts"
import { EXAMPLES, GROUPS, NOTES } from "./Manual.ts"

export interface Look {
  /** On a terminal whose user wants colours. */
  readonly color: boolean
  /** Columns to fill. */
  readonly width: number
}

/** The help of a command: of `ens` itself, of a group of commands, or of one with its options and an example. */
export const helpOf = (path: ReadonlyArray<string>, command: CommandTree, look: Look): string => {
  const title = (text: string) => (look.color ? `\u001b[1m${text}\u001b[0m` : text)
  const list = (rows: ReadonlyArray<readonly [string, string]>) => columns(rows, look.width)
  const full = ["ens", ...path].join(" ")
  const example = EXAMPLES[path.join(" ")]
  const parts =
    path.length === 0
      ? [
          `${command.about}\n\nUsage: ens COMMAND [OPTIONS]; of each: ens COMMAND --help`,
          ...grouped(command).map(([name, rows]) => `${title(name)}\n${list(rows)}`),
          ...NOTES.map(([name, text]) => `${title(name)}\n${indented(text, 2, look.width)}`)
        ]
      : [
          ...[command.about, ...command.more].map((text) => indented(text, 0, look.width)),
          `Usage: ${usageOf(full, command)}`,
          ...section("Commands", command.children.map(rowOf), title, list),
          ...section(
            "Arguments",
            command.arguments.map(({ about, name }) => [name, about]),
            title,
            list
          ),
          ...section("Options", command.options.map(optionRow), title, list),
          ...(example === undefined ? [] : [`${title("Example")}\n  ${example}`])
        ]
  return parts.join("\n\n")
}

/** Groups of the manual, and whatever is in none of them. */
const grouped = (
  root: CommandTree
): ReadonlyArray<readonly [string, ReadonlyArray<readonly [string, string]>]> => {
  const named = GROUPS.map(
    ([title, names]) =>
      [
        title,
        names.flatMap((name) => root.children.filter((child) => child.name === name)).map(rowOf)
      ] as const
  )
  const known = new Set(GROUPS.flatMap(([, names]) => names))
  const others = root.children.filter(({ name }) => !known.has(name)).map(rowOf)
  return [...named, ["More", others] as const].filter(([, rows]) => rows.length > 0)
}

const rowOf = ({ about, children, name }: CommandTree) =>
  [
    children.length === 0
      ? name
      : `${name} ${children
          .map((child) => child.name)
          .filter((child) => child.length > 0)
          .join("|")}`,
    about
  ] as const

const optionRow = (option: Option) =>
  [
    `${option.name}${option.value === "" ? "" : ` ${valueOf(option)}`}`,
    option.isOptional ? option.about : `${option.about} (required)`
  ] as const

/** Choices as they are typed, everything else as a word for it. */
const valueOf = ({ value }: Option) =>
  value.includes(" | ") ? value.replaceAll(" | ", "|") : value.toUpperCase()

const usageOf = (full: string, command: CommandTree) =>
  command.children.length > 0
    ? `${full} ${command.children.map(({ name }) => name).join("|")}`
    : [
        full,
        ...command.arguments.map(({ isOptional, name }) => {
          const bare = name.replace(/^<(.*)>/, "$1")
          return isOptional ? `[${bare}]` : bare
        }),
        ...command.options
          .filter(({ isOptional }) => !isOptional)
          .map((option) => `${option.name} ${valueOf(option)}`),
        ...(command.options.some(({ isOptional }) => isOptional) ? ["[OPTIONS]"] : [])
      ].join(" ")

const section = (
  name: string,
  rows: ReadonlyArray<readonly [string, string]>,
  title: (text: string) => string,
  list: (rows: ReadonlyArray<readonly [string, string]>) => string
) => (rows.length === 0 ? [] : [`${title(name)}\n${list(rows)}`])

/** Terms on the left, what they mean on the right; a long term has a line of its own. */
const columns = (rows: ReadonlyArray<readonly [string, string]>, width: number): string => {
  const left = Math.max(...rows.map(([term]) => (term.length > TERM_MAX ? 0 : term.length)), 8)
  return rows
    .map(([term, about]) => {
      const text = indented(about, left + 4, width)
      return term.length > left ? `  ${term}\n${text}` : `  ${term.padEnd(left)}${text.slice(left + 2)}`
    })
    .join("\n")
}

const TERM_MAX = 26

const indented = (text: string, by: number, width: number) =>
  wrapped(text, width - by)
    .map((line) => " ".repeat(by) + line)
    .join("\n")

const wrapped = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = [""]
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? ""
    if (line === "") lines[lines.length - 1] = word
    else if (line.length + 1 + word.length > Math.max(20, width)) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines
}
