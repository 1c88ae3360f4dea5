import type { CommandTree } from "./CommandTree.ts"

export type Shell = "bash" | "zsh" | "fish"

/** The script that completes `ens` in this shell: commands, options, choices, file names. */
export const script = (shell: Shell, root: CommandTree): string => SCRIPTS[shell](commandsOf(root))

interface Entry {
  /** "" for `ens` itself, else " token create". */
  readonly path: string
  readonly command: CommandTree
}

const commandsOf = (command: CommandTree, path = ""): ReadonlyArray<Entry> => [
  { path, command },
  ...command.children.flatMap((child) => commandsOf(child, `${path} ${child.name}`))
]

/** For bash 3.2 and later. Works for an alias named `ens`, too. */
const bash = (entries: ReadonlyArray<Entry>): string => {
  const valued = entries.flatMap(({ command, path }) =>
    command.options
      .filter(({ value }) => value !== "")
      .map(({ name, value }) => ({ pattern: quoted(`${path} ${name}`), value }))
  )
  const takesFile = ({ command }: Entry) => command.arguments.some(({ name }) => name.includes("FILE"))
  return `# Completion of ens in bash: source this file, or put it into /etc/bash_completion.d.
_ens() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" files="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
      ${entries
        .slice(1)
        .map(({ path }) => quoted(path))
        .join("|")}) path="$path \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path $prev" in
${valued.map(({ pattern, value }) => `    ${pattern}) ${bashValue(value)} ;;`).join("\n")}
    *)
      case "$path" in
${entries
  .map(
    (entry) =>
      `        ${quoted(entry.path)}) words=${quoted(wordsOf(entry).join(" "))}${takesFile(entry) ? " files=1" : ""} ;;`
  )
  .join("\n")}
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [ -n "$files" ]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r i; do COMPREPLY+=("$i"); done < <(compgen -f -- "$cur")
  fi
}
complete -F _ens ens`
}

const bashValue = (value: string) =>
  isPath(value) ? "files=1" : isChoice(value) ? `words=${quoted(value.split(" | ").join(" "))}` : ":"

/** zsh runs the script of bash. */
const zsh = (entries: ReadonlyArray<Entry>): string =>
  `#compdef ens\nautoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bash(entries)}`

const fish = (entries: ReadonlyArray<Entry>): string => {
  const lines = entries.flatMap(({ command, path }) => {
    const words = path
      .trim()
      .split(" ")
      .filter((word) => word !== "")
    // All words of the path were typed, and none of a command below it.
    const below = command.children.map(({ name }) => name).join(" ")
    const condition = quoted(
      [
        ...words.map((word) => `__fish_seen_subcommand_from ${word}`),
        ...(below === "" ? [] : [`not __fish_seen_subcommand_from ${below}`])
      ].join("; and ") || "true"
    )
    return [
      ...command.children.map(
        ({ about, name }) => `complete -c ens -f -n ${condition} -a ${name} -d ${quoted(firstOf(about))}`
      ),
      ...command.options.map(({ about, name, value }) => {
        const takes =
          value === ""
            ? ""
            : isPath(value)
              ? " -r -F"
              : isChoice(value)
                ? ` -x -a ${quoted(value.replaceAll(" | ", " "))}`
                : " -x"
        return `complete -c ens -n ${condition} -l ${name.replace(/^-+/, "")}${takes} -d ${quoted(firstOf(about))}`
      })
    ]
  })
  return ["# Completion of ens in fish: put this file into ~/.config/fish/completions.", ...lines].join("\n")
}

const SCRIPTS: Readonly<Record<Shell, (entries: ReadonlyArray<Entry>) => string>> = { bash, zsh, fish }

const wordsOf = ({ command }: Entry) => [
  // Choices are in small letters: <bash|zsh|fish>, unlike <HOST|FILE>.
  ...command.arguments.flatMap(({ name }) =>
    /^<?[a-z]+(\|[a-z]+)+>?$/.test(name) ? name.replace(/[<>]/g, "").split("|") : []
  ),
  ...command.children.map(({ name }) => name),
  ...command.options.map(({ name }) => name),
  "--help"
]

const isPath = (value: string) => /^(file|directory|path)$/.test(value)
const isChoice = (value: string) => value.includes(" | ")

const firstOf = (about: string) => about.split(/[.;] /)[0] ?? about

/** In single quotes, for all three shells. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
