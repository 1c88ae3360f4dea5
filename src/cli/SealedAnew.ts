import { readFile, realpath } from "node:fs/promises"
import { Effect } from "effect"
import { replaceFile } from "../../layers/crypto/DurableFile.ts"
import type { MasterKey } from "../../layers/crypto/MasterKey.ts"
import { openText, sealText } from "../../layers/crypto/SealedText.ts"
import type { KeyPair } from "../../layers/storage/MasterKeyRotation.ts"
import * as Config from "../Config.ts"
import { openWith } from "../config/SealedSettings.ts"
import type { Source } from "../config/Source.ts"
import { CommandProblem } from "./CommandProblem.ts"

/** A sealed setting under the new key that the operator has to put in place. */
export interface ToReplace {
  readonly name: string
  readonly sealed: string
  /** Where it stands, for people. */
  readonly where: string
}

/** What became of sealed settings. */
export interface SealedAnew {
  readonly replaced: number
  /** Those in the environment, and those in files that this account cannot write. */
  readonly toReplace: ReadonlyArray<ToReplace>
}

/**
 * Seals every sealed setting with the new key: in the config file and in files of their own in place, each file as a whole
 * or not at all. What the new key opens already stays. `atHand`: older keys; who did not replace what an earlier rotation
 * printed has settings that were sealed with one.
 */
export const sealAnew = Effect.fnUntraced(function* (
  source: Source,
  keys: KeyPair & { readonly atHand?: ReadonlyArray<MasterKey["Type"]> }
) {
  const toReplace: Array<ToReplace> = []
  const anew = new Map<string, string>()
  const byFile = new Map<
    string,
    Array<{ readonly name: string; readonly old: string; readonly sealed: string }>
  >()
  for (const [name, found] of yield* Config.sealedSettings(source)) {
    if ((yield* Effect.option(openText(keys.to, found.text)))._tag === "Some") continue
    const text = yield* openWith([keys.from, ...(keys.atHand ?? [])], found.text).pipe(
      Effect.mapError(
        ({ message }) => new CommandProblem({ problem: `${name} cannot be opened: ${message}` })
      )
    )
    // A text that stands in several places is replaced in all of them at once.
    const sealed = anew.get(found.text) ?? sealText(keys.to, text)
    anew.set(found.text, sealed)
    if (found.in === "environment") {
      toReplace.push({ name, sealed, where: "in the environment" })
      continue
    }
    const path = found.in === "config file" ? (source.file ?? "") : found.in.path
    byFile.set(path, [...(byFile.get(path) ?? []), { name, old: found.text, sealed }])
  }
  let replaced = 0
  for (const [path, values] of byFile) {
    const done = yield* Effect.either(
      Effect.tryPromise({
        try: async () => {
          const file = await realpath(path)
          const text = await readFile(file, "utf8")
          // JSON may write it otherwise than it reads.
          if (values.some(({ old }) => !text.includes(old))) throw new Error("not found")
          await replaceFile(
            file,
            values.reduce((all, { old, sealed }) => all.replaceAll(old, sealed), text)
          )
        },
        catch: () => undefined
      })
    )
    if (done._tag === "Right") replaced += values.length
    else toReplace.push(...values.map(({ name, sealed }) => ({ name, sealed, where: `in ${path}` })))
  }
  return { replaced, toReplace } satisfies SealedAnew
})
