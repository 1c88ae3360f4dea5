import type { Entry } from "./Completions.ts"
import { choicesOf, firstOf, quoted, takesFile, valueOf } from "./CompletionWords.ts"

/** For fish 3. Works for an alias named `ens`, which is a function there. */
export const fish = (entries: ReadonlyArray<Entry>): string => {
  const paths = entries.slice(1).map(({ path }) => quoted(path))
  const lines = entries.flatMap(({ command, path }) => {
    const at = `complete -c ens -n ${quoted(`__ens_at ${quoted(path)}`)}`
    return [
      ...command.children.map(({ about, name }) => `${at} -a ${quoted(name)} -d ${quoted(firstOf(about))}`),
      ...choicesOf(command).map((name) => `${at} -a ${quoted(name)}`),
      ...(takesFile(command) ? [`${at} -F`] : []),
      ...command.options.map(
        ({ about, name, value }) =>
          `${at} -l ${name.replace(/^-+/, "")}${value === "" ? "" : takes(value)} -d ${quoted(firstOf(about))}`
      )
    ]
  })
  return `# Completion of ens in fish: put this file into ~/.config/fish/completions as ens.fish, or source it.
function __ens_at --description 'Whether the words so far name this command of ens'
    set -l seen ''
    for word in (commandline -opc)[2..-1]
        contains -- "$seen $word" ${paths.join(" ")}
        and set seen "$seen $word"
    end
    test "$seen" = "$argv[1]"
end
complete -c ens -f
complete -c ens -l help -d 'Show what this command does'
${lines.join("\n")}`
}

const takes = (value: string) => {
  const values = valueOf(value)
  return values === "files" ? " -r -F" : values === "unknown" ? " -x" : ` -x -a ${quoted(values.join(" "))}`
}
