import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { nameOf } from "./Finding.ts"
import type { Seed } from "./Target.ts"

const CORPUS = join(import.meta.dirname, "corpus")
/** Inputs that were findings once; `Regressions.test.ts` runs all of them. */
export const FOUND = join(import.meta.dirname, "found")

/** What earlier runs have kept for a target, and what they have found. */
export const storedInputs = (target: string): ReadonlyArray<Seed> =>
  [CORPUS, FOUND].flatMap((folder) =>
    filesIn(join(folder, target)).map((file) => ({ bytes: readFileSync(file), own: true }))
  )

/** The findings of a target, by file. */
export const foundInputs = (target: string): ReadonlyArray<string> => filesIn(join(FOUND, target))

/** Larger inputs are not kept, nor more of them: they all go into the repository. */
const KEPT_MAX = 4_096
const FILES_MAX = 60

export const keepInput = (target: string, input: Uint8Array): void => {
  const folder = join(CORPUS, target)
  if (input.length > KEPT_MAX || filesIn(folder).length >= FILES_MAX) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, nameOf(input)), input)
}

const filesIn = (folder: string): ReadonlyArray<string> =>
  existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((file) => join(folder, file))
    : []
