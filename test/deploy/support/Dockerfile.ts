/** One instruction of a Dockerfile, its continued lines joined. */
export interface Instruction {
  readonly name: string
  readonly rest: string
}

/** The instructions in order, without comments. */
export const instructionsOf = (text: string): ReadonlyArray<Instruction> =>
  text
    .replace(/^#.*\n/gm, "")
    .replace(/\\\n/g, " ")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => {
      const [name = ""] = line.split(/\s/)
      return { name, rest: line.slice(name.length).trim() }
    })

/** What a COPY takes from the project, and where to. */
export const copiesOf = (
  instructions: ReadonlyArray<Instruction>
): ReadonlyArray<{ readonly sources: ReadonlyArray<string>; readonly to: string }> =>
  instructions
    .filter(({ name, rest }) => name === "COPY" && !rest.startsWith("--from="))
    .map(({ rest }) => {
      const words = rest.split(/\s+/)
      return { sources: words.slice(0, -1), to: words.at(-1) ?? "" }
    })
