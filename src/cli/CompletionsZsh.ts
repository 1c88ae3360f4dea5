import type { Entry } from "./Completions.ts"
import { anyOf, choicesOf, firstOf, quoted, takesFile, valueOf } from "./CompletionWords.ts"

/** For zsh 5, as a file in `$fpath` or sourced. */
export const zsh = (entries: ReadonlyArray<Entry>): string => {
  const valued = entries.flatMap(({ command, path }) =>
    command.options
      .filter(({ value }) => value !== "")
      .map(({ name, value }) => `    (${quoted(`${path} ${name}`)}) ${offer(value)} ;;`)
  )
  const offered = entries.map(({ command, path }) => {
    const described = (list: ReadonlyArray<{ readonly name: string; readonly about: string }>) =>
      list.map(({ about, name }) => quoted(`${name}:${firstOf(about)}`)).join(" ")
    const words = [...command.children, ...choicesOf(command).map((name) => ({ name, about: name }))]
    const options = [...command.options, { name: "--help", about: "Show what this command does" }]
    const files = takesFile(command) ? " files=1" : ""
    return `    (${quoted(path)}) names=(${described(words)}) options=(${described(options)})${files} ;;`
  })
  return `#compdef ens
# Completion of ens in zsh: put this file as _ens into a directory of $fpath, or source it.
_ens() {
  local seen="" before="\${words[CURRENT-1]}" files="" i
  local -a names options
  for ((i = 2; i < CURRENT; i++)); do
    case "$seen \${words[i]}" in
      (${anyOf(entries.slice(1).map(({ path }) => path))}) seen="$seen \${words[i]}" ;;
    esac
  done
  if [[ "$PREFIX" == --*=* ]]; then
    before="\${PREFIX%%=*}"
    compset -P '*='
  fi
  case "$seen $before" in
${valued.join("\n")}
  esac
  case "$seen" in
${offered.join("\n")}
  esac
  (( $#names )) && _describe -t commands 'ens' names
  _describe -o -t options 'option' options
  [[ -n "$files" ]] && _files
}
if [[ "$funcstack[1]" == _ens ]]; then
  _ens "$@"
else
  # zsh completes what stands behind an alias, and that is npm; a function does the same, and is completed.
  if [[ -n "\${aliases[ens]-}" && "\${aliases[ens]}" != ens(| *) ]]; then
    functions[ens]="\${aliases[ens]} \\"\\$@\\""
    unalias ens
  fi
  (( $+functions[compdef] )) || { autoload -U compinit && compinit }
  compdef _ens ens
fi`
}

const offer = (value: string) => {
  const values = valueOf(value)
  return values === "files"
    ? "_files; return"
    : values === "unknown"
      ? "return 1"
      : `compadd -- ${values.map(quoted).join(" ")}; return`
}
