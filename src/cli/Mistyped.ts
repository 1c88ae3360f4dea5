import { AutoCorrect, CliConfig } from "@effect/cli"
import { type CommandTree, find } from "./CommandTree.ts"

/** A command that there is not, with the nearest one; undefined if all the words that name a command do so. */
export const unknownCommand = (root: CommandTree, args: ReadonlyArray<string>): string | undefined => {
  const { command, path, rest } = find(root, args)
  const [word] = rest
  if (command.children.length === 0 || word === undefined || word.startsWith("-")) return undefined
  const names = command.children.map(({ name }) => name)
  const full = ["ens", ...path].join(" ")
  return `there is no command ${full} ${word}${proposal(word, names, full)}; see: ${full} --help`
}

/** A command that needs another word after it: `ens token`. */
export const isUnfinished = (root: CommandTree, args: ReadonlyArray<string>): boolean => {
  const { command, path, rest } = find(root, args)
  return path.length > 0 && command.children.length > 0 && rest.length === 0
}

/** An option that the command has not, with the nearest one it has. */
export const unknownOption = (root: CommandTree, args: ReadonlyArray<string>): string | undefined => {
  const { command, path, rest } = find(root, args)
  const names = command.options.map(({ name }) => name)
  const end = rest.indexOf("--")
  const word = (end < 0 ? rest : rest.slice(0, end))
    .filter((arg, at) => arg.startsWith("-") && arg.length > 1 && !isValue(command, rest[at - 1]))
    .map((arg) => arg.replace(/=.*$/s, ""))
    .find((arg) => !names.includes(arg))
  const full = ["ens", ...path].join(" ")
  return word === undefined
    ? undefined
    : `${full} has no option ${word}${proposal(word, names, "")}; see: ${full} --help`
}

/** An option at the end whose value is missing; the library passes over some of them. */
export const missingValue = (root: CommandTree, args: ReadonlyArray<string>): string | undefined => {
  const { command, path, rest } = find(root, args)
  const last = rest.at(-1)
  return last !== undefined &&
    isValue(command, last) &&
    !isValue(command, rest.at(-2)) &&
    !rest.includes("--")
    ? `${last} needs a value behind it; see: ${["ens", ...path].join(" ")} --help`
    : undefined
}

/** What stands behind an option that takes a value is that value. */
const isValue = (command: CommandTree, before: string | undefined) =>
  command.options.some(({ name, value }) => name === before && value !== "")

const proposal = (word: string, names: ReadonlyArray<string>, prefix: string): string => {
  const near = nearest(word, names)
  return near === undefined ? "" : `; did you mean ${[prefix, near].filter((part) => part !== "").join(" ")}?`
}

/** The most similar name, if it is similar at all: up to a third of its letters wrong, or its beginning. */
export const nearest = (word: string, names: ReadonlyArray<string>): string | undefined => {
  const [best] = names
    .map((name) => ({
      name,
      distance:
        word.length > 2 && name.startsWith(word)
          ? 0
          : AutoCorrect.levensteinDistance(word, name, CliConfig.defaultConfig)
    }))
    .filter(({ distance, name }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance)
  return best?.name
}
