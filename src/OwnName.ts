import { accessSync, constants } from "node:fs"
import { basename, delimiter, join, relative } from "node:path"

/** How this process was started. */
export interface Started {
  /** As `process.argv0` and `process.argv[1]` have it. */
  readonly node: string
  readonly script: string
  readonly directory: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** What the reader types for `ens`: "ens", "npm run -s ens --", "node src/main.ts". For messages that say what to type next. */
export const ownName = ({ directory, environment, node, script }: Started = here()): string => {
  // npm's variables reach whatever an npm script starts, also another ENS.
  const ran = environment.npm_lifecycle_script ?? ""
  if (environment.npm_lifecycle_event === "npx" && /^"?ens\b/.test(ran)) return "npx ens"
  if (environment.npm_lifecycle_event !== undefined && ran.includes("src/main.ts")) return "npm run -s ens --"
  if (basename(script) !== "main.ts" || isOnPath("ens", environment.PATH)) return "ens"
  const near = relative(directory, script)
  return `${quoted(node)} ${quoted(near.startsWith("..") ? script : near)}`
}

/** A word as shells take it, in quotes if it needs them. */
export const quoted = (word: string): string => (/[^\w./:-]/.test(word) ? `"${word}"` : word)

const here = (): Started => ({
  node: process.argv0,
  script: process.argv[1] ?? "",
  directory: process.cwd(),
  environment: process.env
})

const isOnPath = (name: string, path = ""): boolean =>
  path.split(delimiter).some((directory) => {
    try {
      if (directory === "") return false
      accessSync(join(directory, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
