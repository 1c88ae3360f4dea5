import { stripVTControlCharacters } from "node:util"
import { CliConfig, CommandDescriptor, HelpDoc } from "@effect/cli"

/** A command with what lies below it, as help, completions and suggestions need it. */
export interface CommandTree {
  readonly name: string
  /** In one sentence, for lists. */
  readonly about: string
  /** Paragraphs that its own help has besides. */
  readonly more: ReadonlyArray<string>
  /** Before the options: `<ID>`. */
  readonly arguments: ReadonlyArray<Argument>
  readonly options: ReadonlyArray<Option>
  readonly children: ReadonlyArray<CommandTree>
}

export interface Parameter {
  readonly name: string
  readonly about: string
}

export interface Argument extends Parameter {
  readonly isOptional: boolean
}

export interface Option extends Parameter {
  /** "file", "text", "integer", "a | b"; "" for one that takes no value. */
  readonly value: string
  readonly isOptional: boolean
  readonly isRepeatable: boolean
}

/** Reads what the library knows of a command. */
export const treeOf = (command: CommandDescriptor.Command<unknown>): CommandTree => {
  const doc = CommandDescriptor.getHelp(command, CONFIG)
  const sections = sectionsOf(doc)
  const [name = ""] = CommandDescriptor.getNames(command)
  const [about = "", ...more] = (sections.get("DESCRIPTION") ?? []).flatMap(paragraphsOf)
  return {
    name,
    about,
    more,
    arguments: (sections.get("ARGUMENTS") ?? []).flatMap(definitionsOf).map(({ body, term }) => ({
      name: term,
      about: body.filter((text) => !isOfLibrary(text)).join(" "),
      isOptional: body.some((text) => text.startsWith("This setting is optional"))
    })),
    options: (sections.get("OPTIONS") ?? [])
      .flatMap(definitionsOf)
      .map(optionOf)
      .filter((option) => !BUILT_IN.has(option.name)),
    children: childrenOf(command as unknown as Instruction).map((child) => treeOf(child as never))
  }
}

/** The command that these arguments name, as far down as they do, with its path, and the arguments that are left. */
export const find = (
  root: CommandTree,
  args: ReadonlyArray<string>
): {
  readonly path: ReadonlyArray<string>
  readonly command: CommandTree
  readonly rest: ReadonlyArray<string>
} => {
  let command = root
  const path: Array<string> = []
  for (const arg of args) {
    const child = command.children.find(({ name }) => name === arg)
    if (child === undefined) break
    command = child
    path.push(arg)
  }
  return { path, command, rest: args.slice(path.length) }
}

/** A descriptor as the library builds it: what it exports knows one level below the first only. */
interface Instruction {
  readonly _tag: "Standard" | "GetUserInput" | "Map" | "Subcommands"
  readonly command?: Instruction
  readonly children?: ReadonlyArray<Instruction>
}

const childrenOf = ({ _tag, children, command }: Instruction): ReadonlyArray<Instruction> =>
  _tag === "Map" && command !== undefined ? childrenOf(command) : (children ?? [])

const CONFIG = CliConfig.make({ showBuiltIns: false })

/** The library's own options, which need no place in each command's help. */
const BUILT_IN: ReadonlySet<string> = new Set([
  "--completions",
  "--log-level",
  "--help",
  "-h",
  "--wizard",
  "--version"
])

const sectionsOf = (doc: HelpDoc.HelpDoc): ReadonlyMap<string, ReadonlyArray<HelpDoc.HelpDoc>> => {
  const sections = new Map<string, Array<HelpDoc.HelpDoc>>()
  let current: Array<HelpDoc.HelpDoc> = []
  for (const part of flat(doc)) {
    if (part._tag === "Header") {
      current = []
      sections.set(plain(part), current)
    } else current.push(part)
  }
  return sections
}

const flat = (doc: HelpDoc.HelpDoc): ReadonlyArray<HelpDoc.HelpDoc> =>
  doc._tag === "Sequence" ? [...flat(doc.left), ...flat(doc.right)] : [doc]

const paragraphsOf = (doc: HelpDoc.HelpDoc): ReadonlyArray<string> =>
  flat(doc)
    .map(plain)
    .filter((text) => text !== "")

const definitionsOf = (doc: HelpDoc.HelpDoc) =>
  doc._tag === "DescriptionList"
    ? doc.definitions.map(([term, body]) => ({ term: plain(HelpDoc.p(term)), body: paragraphsOf(body) }))
    : []

const optionOf = ({
  body,
  term
}: {
  readonly term: string
  readonly body: ReadonlyArray<string>
}): Option => {
  // An option with an alias is "(--name, -n) text".
  const [, name = term, value = ""] = /^\(?(-[\w-]+)(?:, [^)]*\))?\s*(.*)$/.exec(term) ?? []
  return {
    name,
    value: value.replace(/\.\.\.$/, "").trim(),
    about: body.filter((text) => !isOfLibrary(text)).join(" "),
    isOptional:
      value === "" || body.some((text) => /^This (setting is optional|option may be repeated)/.test(text)),
    isRepeatable: body.some((text) => text.startsWith("This option may be repeated"))
  }
}

/** What the library says of each parameter, besides our own words. */
const isOfLibrary = (text: string) =>
  /^(An? (file|directory|integer|floating point number|either file or directory|user-defined piece of text|true or false value)\.$|One of the following:|This (setting|option|argument) (is|may|must)\b)/i.test(
    text
  )

const plain = (doc: HelpDoc.HelpDoc) =>
  stripVTControlCharacters(HelpDoc.toAnsiText(doc)).replace(/\s+/g, " ").trim()
