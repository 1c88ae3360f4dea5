import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { Effect, type Scope } from "effect"

/** What becomes of a step that changes something. */
export type Fate = "killed before" | "killed after" | "failed"

/** Counts steps, and ends them at one; files and storage of a process count together. */
export interface Steps {
  /** From now on: step `at` (from 1) has this fate. Without: nothing happens to any. */
  readonly arm: (at?: number, fate?: Fate) => void
  readonly taken: () => number
  /** Whether the process counts as dead. */
  readonly isDead: () => boolean
  /** Runs a step as its fate is; a dead process takes none. `drop` gets what it leaves behind. */
  readonly take: <A>(step: () => Promise<A>, error: Error, drop?: (made: A) => Promise<void>) => Promise<A>
}

export const makeSteps = (): Steps => {
  let taken = 0
  let fatal: number | undefined
  let fate: Fate = "failed"
  let isDead = false
  return {
    arm: (at, next = "failed") => {
      taken = 0
      fatal = at
      fate = next
      isDead = false
    },
    taken: () => taken,
    isDead: () => isDead,
    take: async (step, error, drop = async () => {}) => {
      if (isDead) throw error
      taken += 1
      if (taken !== fatal) return step()
      isDead = fate !== "failed"
      if (fate === "killed after") await drop(await step())
      throw error
    }
  }
}

/**
 * Until the scope ends every change of a file of this process that goes through `node:fs/promises` is such a step: making
 * one, writing, naming, removing, rights.
 */
export const filesFail = (steps: Steps): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const { promises } = fs
        const { chmod, copyFile, link, open, rename, unlink } = promises
        const original = { chmod, copyFile, link, open, rename, unlink }
        const step: Step = (run, drop) => steps.take(run, noSpace(), drop)
        Object.assign(promises, {
          chmod: (...all: Parameters<typeof chmod>) => step(() => chmod(...all)),
          copyFile: (...all: Parameters<typeof copyFile>) => step(() => copyFile(...all)),
          link: (...all: Parameters<typeof link>) => step(() => link(...all)),
          rename: (...all: Parameters<typeof rename>) => step(() => rename(...all)),
          unlink: (...all: Parameters<typeof unlink>) => step(() => unlink(...all)),
          open: async (...all: Parameters<typeof open>) =>
            String(all[1] ?? "r").startsWith("r")
              ? open(...all)
              : failing(
                  await step(
                    () => open(...all),
                    (handle) => handle.close()
                  ),
                  step
                )
        })
        syncBuiltinESMExports()
        return original
      }),
      (original) =>
        Effect.sync(() => {
          Object.assign(fs.promises, original)
          syncBuiltinESMExports()
        })
    )
  )

type Handle = Awaited<ReturnType<typeof fs.promises.open>>

type Step = <A>(run: () => Promise<A>, drop?: (made: A) => Promise<void>) => Promise<A>

const failing = (handle: Handle, step: Step): Handle => {
  const writeFile = handle.writeFile.bind(handle)
  // A full disk takes the beginning.
  const beginning = (data: unknown) => writeFile(Buffer.from(data as string).subarray(0, 5)).catch(() => {})
  handle.writeFile = (data) =>
    step(() => writeFile(data)).catch(async (error) => {
      await beginning(data)
      throw error
    })
  const sync = handle.sync.bind(handle)
  handle.sync = () => step(sync)
  return handle
}

const noSpace = () => Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" })
