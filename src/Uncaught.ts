import { writeSync } from "node:fs"
import { whereabouts } from "../actors/Whereabouts.ts"

/** EX_SOFTWARE of sysexits.h: a fault of the program itself. */
const SOFTWARE = 70
const STANDARD_ERROR = 2

/**
 * What nobody has caught ends the process with code 70 and one line on standard error: its kind and place, not its text. Node
 * would print text, properties and the line of source, which may quote a payload, a header or a password. Also for
 * promises that nobody waits for.
 */
export const endOnUncaught = (): void => {
  process.on("uncaughtException", (error: unknown) => {
    try {
      writeSync(
        STANDARD_ERROR,
        `ens: internal error, please report it; the process ends: ${whereabouts(error)}\n`
      )
    } catch {
      // Nobody reads any more.
    }
    process.exit(SOFTWARE)
  })
}

/**
 * Warnings of Node and of libraries are one line with kind, code and place, too: with `--unhandled-rejections=warn` they quote
 * errors, and those of old functions the URLs that were given to them. `--no-warnings` goes on to silence them.
 */
export const warnWithoutText = (): void => {
  if (process.listenerCount("warning") === 0) return
  process.removeAllListeners("warning")
  process.on("warning", (warning: Error & { readonly code?: unknown }) => {
    const code = typeof warning.code === "string" ? ` ${warning.code}` : ""
    process.stderr.write(`ens: Node.js warns${code}: ${whereabouts(warning)}\n`)
  })
}
