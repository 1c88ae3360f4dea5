import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { Effect, Redacted } from "effect"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import type { MasterKey } from "../../layers/crypto/MasterKey.ts"
import type { MasterKeyUnusable } from "../../layers/crypto/MasterKeyFile.ts"
import { nextKeyFile } from "../../layers/crypto/MasterKeySwap.ts"
import { isSealed, openText, type SealedTextUnreadable } from "../../layers/crypto/SealedText.ts"
import { ConfigProblem, type FoundTexts } from "./Source.ts"

/** Master keys that sealed settings may have been sealed with, for the place where the settings say that the key is. */
export type KeysFor = (
  source: LocalMasterKey.KeySource
) => Effect.Effect<ReadonlyArray<MasterKey["Type"]>, MasterKeyUnusable>

/** The one master key, whose file must be there: it is never made to read settings. */
export const theMasterKey: KeysFor = (source) => Effect.map(LocalMasterKey.read(source), (key) => [key])

/** Where the settings say that the master key is. They need not be right otherwise. */
export const keySourceIn = (found: FoundTexts): LocalMasterKey.KeySource => {
  const value = found.get("ENS_MASTER_KEY")?.text
  if (value !== undefined) return { value: Redacted.make(value) }
  const dataDir = resolve(found.get("ENS_DATA_DIR")?.text ?? "data")
  const file = found.get("ENS_MASTER_KEY_FILE")?.text
  return { file: file === undefined ? join(dataDir, "master.key") : resolve(file) }
}

/** The text behind a sealed one, with whichever of the keys opens it. */
export const openWith = (
  keys: ReadonlyArray<MasterKey["Type"]>,
  sealed: string
): Effect.Effect<Redacted.Redacted<string>, SealedTextUnreadable> =>
  Effect.firstSuccessOf(keys.map((key) => openText(key, sealed)))

/** All texts in clear. Sealed ones are opened; all that cannot be, or are sealed without being secrets, are reported at once. */
export const openSealed = Effect.fnUntraced(function* (
  found: FoundTexts,
  names: { readonly known: ReadonlySet<string>; readonly secret: ReadonlySet<string> },
  keysFor: KeysFor
) {
  const texts = new Map([...found].map(([name, { text }]) => [name, text]))
  const sealed = [...found].filter(([name, { text }]) => isSealed(text) && names.known.has(name))
  if (sealed.length === 0) return texts
  const problems: Array<string> = []
  if (isSealed(texts.get("ENS_MASTER_KEY") ?? "")) {
    problems.push(
      "ENS_MASTER_KEY cannot be sealed, because it is what opens sealed settings; give it as it is"
    )
  }
  for (const [name] of sealed) {
    if (!names.secret.has(name) && name !== "ENS_MASTER_KEY") {
      problems.push(`${name} is sealed, but is no secret; give its value as it is`)
    }
  }
  if (problems.length > 0) return yield* new ConfigProblem({ problems })
  const source = keySourceIn(found)
  const keys = yield* keysFor(source).pipe(
    Effect.mapError(({ message }) => {
      const list = sealed.map(([name]) => name).join(", ")
      return new ConfigProblem({ problems: [`${list}: sealed, and ${message}`] })
    })
  )
  for (const [name, { text }] of sealed) {
    const opened = yield* Effect.either(openWith(keys, text))
    if (opened._tag === "Right") texts.set(name, Redacted.value(opened.right).trim())
    else problems.push(`${name} cannot be opened: ${opened.left.message}${hint(source)}`)
  }
  return problems.length > 0 ? yield* new ConfigProblem({ problems }) : texts
})

const hint = (source: LocalMasterKey.KeySource) =>
  "file" in source && existsSync(nextKeyFile(source.file))
    ? " (a rotation of the master key was not finished; run: ens secret rotate)"
    : ""
