import { existsSync } from "node:fs"
import { chmod, readdir, rename, unlink } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { Effect, Option } from "effect"
import { giveRightsOf, replaceFile, syncDirectory } from "./DurableFile.ts"
import * as LocalMasterKey from "./LocalMasterKey.ts"
import type { MasterKey } from "./MasterKey.ts"
import { findMasterKey, MasterKeyUnusable, readKeyText } from "./MasterKeyFile.ts"

/** The key that waits for its turn beside the present one. */
export const nextKeyFile = (file: string): string => `${file}.next`

/** Where a key that was replaced is kept; `at` = when its replacement began. */
export const formerKeyFile = (file: string, at: string): string => `${file}.${at.replaceAll(":", "")}.old`

/** The master key in a file; undefined if there is none. */
export const find = (file: string): Effect.Effect<MasterKey["Type"] | undefined, MasterKeyUnusable> =>
  Effect.map(findMasterKey(file), (raw) => raw && LocalMasterKey.make(raw))

/** Keys that were replaced and are kept beside the present one. What is no key is passed over. */
export const formerKeys = (file: string): Effect.Effect<ReadonlyArray<MasterKey["Type"]>> =>
  Effect.gen(function* () {
    const names = yield* Effect.orElseSucceed(
      Effect.tryPromise(() => readdir(dirname(file))),
      () => []
    )
    const mine = names.filter((name) => name.startsWith(`${basename(file)}.`) && name.endsWith(".old"))
    const found = yield* Effect.forEach(mine, (name) =>
      Effect.orElseSucceed(find(join(dirname(file), name)), () => undefined)
    )
    return found.filter((key) => key !== undefined)
  })

/**
 * Puts the next key in the present one's place, which is kept (mode 0600) with a line that says what it is good for. May be
 * interrupted and repeated: nothing happens where `to` is not the key that waits. Who has put it in place by hand has done
 * the same. Answers where the replaced key is, if that is known.
 */
export const swap = (
  file: string,
  { from, to }: { readonly from: MasterKey["Type"]; readonly to: MasterKey["Type"] },
  at: string
): Effect.Effect<string | undefined, MasterKeyUnusable> =>
  Effect.gen(function* () {
    const next = nextKeyFile(file)
    const kept = yield* nameFor(file, from, at)
    if (isKey(yield* find(next), to)) {
      const present = yield* find(file)
      if (isKey(present, to)) yield* changed(file, () => unlink(next))
      else if (isKey(present, from)) yield* changed(file, () => replace(file, kept, at))
      else {
        return yield* new MasterKeyUnusable({
          source: file,
          reason: `it holds neither the key that is replaced nor the new one; put the one of them there that ${dirname(file)} or a backup has, and repeat`
        })
      }
    }
    return existsSync(kept) ? kept : undefined
  })

/** Where the replaced key is to be kept, or is already; no other key is overwritten. */
const nameFor = Effect.fnUntraced(function* (file: string, from: MasterKey["Type"], at: string) {
  for (let nth = 1; ; nth++) {
    const name = formerKeyFile(file, nth === 1 ? at : `${at}-${nth}`)
    const there = yield* Effect.option(find(name))
    if (Option.isSome(there) && (there.value === undefined || isKey(there.value, from))) return name
  }
})

const isKey = (found: MasterKey["Type"] | undefined, key: MasterKey["Type"]) =>
  found !== undefined && Buffer.from(found.checkValue).equals(key.checkValue)

const changed = (file: string, change: () => Promise<void>) =>
  Effect.tryPromise({
    try: change,
    catch: (cause) =>
      new MasterKeyUnusable({
        source: file,
        reason: `it cannot be replaced (${cause instanceof Error ? cause.message : "unknown error"}); check that this account may write there, and repeat`
      })
  })

const replace = async (file: string, kept: string, at: string): Promise<void> => {
  const note = `# This master key was replaced on ${at}. Backups of the database that are older need it; without such backups, delete it.`
  await replaceFile(file, `${note}\n${await readKeyText(file)}\n`, kept)
  await chmod(kept, 0o600)
  const next = nextKeyFile(file)
  await giveRightsOf(file, next)
  await rename(next, file)
  await syncDirectory(dirname(file))
}
