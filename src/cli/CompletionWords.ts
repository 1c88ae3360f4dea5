import type { CommandTree } from "./CommandTree.ts"

/** What can stand behind an option, by what help calls its value: files, one of some words, or what nobody can guess. */
export const valueOf = (value: string): "files" | "unknown" | ReadonlyArray<string> =>
  /^(file|directory|path)$/.test(value) ? "files" : value.includes(" | ") ? value.split(" | ") : "unknown"

/** Words of which one can be the argument: choices are in small letters, <bash|zsh|fish>, unlike <HOST|FILE>. */
export const choicesOf = ({ arguments: args }: CommandTree): ReadonlyArray<string> =>
  args.flatMap(({ name }) => (/^<?[a-z]+(\|[a-z]+)+>?/.exec(name)?.[0] ?? "").split(/[<>|]/)).filter(isWord)

export const takesFile = ({ arguments: args }: CommandTree): boolean =>
  args.some(({ name }) => name.includes("FILE"))

/** What a command or an option is, in a line. */
export const firstOf = (about: string): string => about.split(/[.;] /)[0] ?? about

/** In single quotes, for all shells. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** For `case` of bash and zsh: one of these texts. */
export const anyOf = (texts: ReadonlyArray<string>): string => texts.map(quoted).join("|")

const isWord = (text: string) => text !== ""
