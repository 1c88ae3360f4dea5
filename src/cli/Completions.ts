import type { CommandTree } from "./CommandTree.ts"
import { bash } from "./CompletionsBash.ts"
import { fish } from "./CompletionsFish.ts"
import { zsh } from "./CompletionsZsh.ts"

export type Shell = "bash" | "zsh" | "fish"

/** The script that completes `ens` in this shell: commands, options, choices, file names. */
export const script = (shell: Shell, root: CommandTree): string => SCRIPTS[shell](commandsOf(root))

/** A command, for a script of completions. */
export interface Entry {
  /** "" for `ens` itself, else " token create". */
  readonly path: string
  readonly command: CommandTree
}

const commandsOf = (command: CommandTree, path = ""): ReadonlyArray<Entry> => [
  { path, command },
  ...command.children.flatMap((child) => commandsOf(child, `${path} ${child.name}`))
]

const SCRIPTS: Readonly<Record<Shell, (entries: ReadonlyArray<Entry>) => string>> = { bash, zsh, fish }
