import { spawn } from "node:child_process"
import { text } from "node:stream/consumers"
import { Effect } from "effect"

/** How a command that ran as a process of its own ended, and what it printed. */
export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs `ens …` as a process, for what only a process has: standard input, environment, exit code. */
export const ensProcess = (
  args: ReadonlyArray<string>,
  input = "",
  environment: Readonly<Record<string, string>> = {}
): Effect.Effect<Ended> =>
  Effect.promise(async () => {
    const entry = new URL("./Ens.ts", import.meta.url).pathname
    const child = spawn(process.execPath, [entry, ...args], {
      stdio: "pipe",
      // That of the tests (ENS_TEST_MSSQL_URL) is no setting, and would be warned of.
      env: { ...process.env, ENS_TEST_MSSQL_URL: undefined, ...environment }
    })
    child.stdin.end(input)
    const code = new Promise<number | null>((done) => child.on("close", done))
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { code: await code, out, err }
  })
