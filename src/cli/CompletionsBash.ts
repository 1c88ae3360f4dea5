import type { Entry } from "./Completions.ts"
import { anyOf, choicesOf, quoted, takesFile, valueOf } from "./CompletionWords.ts"

/** For bash 3.2 and later. Works for an alias named `ens`, too. */
export const bash = (entries: ReadonlyArray<Entry>): string => {
  const valued = entries.flatMap(({ command, path }) =>
    command.options
      .filter(({ value }) => value !== "")
      .map(({ name, value }) => `    ${quoted(`${path} ${name}`)}) ${assigned(value)} ;;`)
  )
  const offered = entries.map((entry) => {
    const files = takesFile(entry.command) ? " files=1" : ""
    return `        ${quoted(entry.path)}) words=${quoted(wordsOf(entry).join(" "))}${files} ;;`
  })
  return `# Completion of ens in bash: source this file, or put it into /etc/bash_completion.d.
_ens() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" files="" i
  COMPREPLY=()
  # bash takes --option=value apart.
  if [ "$cur" = "=" ]; then cur=""; elif [ "$prev" = "=" ]; then prev="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
      ${anyOf(entries.slice(1).map(({ path }) => path))}) path="$path \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path $prev" in
${valued.join("\n")}
    *)
      case "$path" in
${offered.join("\n")}
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

const assigned = (value: string) => {
  const values = valueOf(value)
  return values === "files" ? "files=1" : values === "unknown" ? ":" : `words=${quoted(values.join(" "))}`
}

const wordsOf = ({ command }: Entry) => [
  ...choicesOf(command),
  ...command.children.map(({ name }) => name),
  ...command.options.map(({ name }) => name),
  "--help"
]
