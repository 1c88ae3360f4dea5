import { existsSync } from "node:fs"
import { rename, unlink } from "node:fs/promises"
import { dirname } from "node:path"
import { Effect, Either } from "effect"
import { makeFile, syncDirectory } from "../../layers/crypto/DurableFile.ts"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import { sealText } from "../../layers/crypto/SealedText.ts"
import { SECRETS, table } from "../config/Table.ts"
import { CommandProblem } from "./CommandProblem.ts"
import type { InitPlan } from "./InitPlan.ts"

/** Why no config file can be made there; undefined if it can. */
export const problemOf = (file: string): string | undefined =>
  existsSync(file)
    ? `${file} exists already; give another name, or use it with --config`
    : existsSync(dirname(file))
      ? undefined
      : `there is no directory ${dirname(file)}; make it first`

/**
 * Does `work`, and makes the config file, mode 0600: none if the work fails; and if the file cannot be made, the work, which
 * may show something only once, is not begun. Secrets in it are sealed by the master key.
 */
export const written = <A, E, R>(
  file: string,
  { secrets, settings }: InitPlan,
  work: Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const master = yield* MasterKey
    const sealed = Object.fromEntries(
      Object.entries(secrets).map(([name, secret]) => [name, sealText(master, secret)])
    )
    const text = `${JSON.stringify({ ...settings, ...sealed }, undefined, 2)}\n`
    const part = `${file}.part`
    yield* writing(file, async () => {
      await unlink(part).catch(() => undefined)
      await makeFile(part, text, 0o600)
    })
    const done = yield* Effect.tapErrorCause(work, () =>
      Effect.promise(() => unlink(part).catch(() => undefined))
    )
    yield* writing(file, async () => {
      await rename(part, file)
      await syncDirectory(dirname(file))
    })
    return done
  })

const writing = (file: string, attempt: () => Promise<void>) =>
  Effect.tryPromise({
    try: attempt,
    catch: (error) =>
      new CommandProblem({
        problem: `the config file ${file} cannot be written (${
          error instanceof Error && "code" in error ? String(error.code) : "unknown error"
        }); correct the rights and repeat`
      })
  })

/** Reads `NAME=VALUE` of `--set`; left: what is wrong with it. */
export const assignment = (text: string): Either.Either<readonly [string, string], string> => {
  const [, name = "", value = ""] = /^\s*(ENS_\w+)\s*=\s*(.*?)\s*$/s.exec(text) ?? []
  if (value === "") return Either.left("--set must be like --set ENS_PORT=8443")
  if (SECRETS.includes(name) || name === "ENS_MASTER_KEY")
    return Either.left(
      `${name} is a secret, which a command line would show to others; use --set ${name}_FILE=FILE, or add it to the config file with: ens secret seal`
    )
  return KNOWN.has(name) ? Either.right([name, value]) : Either.left(`${name} is no setting; see: ens config`)
}

const KNOWN: ReadonlySet<string> = new Set([
  ...Object.values(table).map(({ name }) => name),
  ...SECRETS.map((name) => `${name}_FILE`)
])
