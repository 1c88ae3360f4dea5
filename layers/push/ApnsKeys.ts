import { createPrivateKey, type KeyObject } from "node:crypto"
import { readFile } from "node:fs/promises"
import { Effect } from "effect"
import type { ApnsSettings, PerApp } from "../../schemas/Settings.ts"
import { PushSetupError } from "./PushSetupError.ts"

/** A key by which Apple knows a developer team (developer.apple.com, Keys), and what Apple calls both. */
export interface ApnsKey {
  readonly keyId: string
  readonly teamId: string
  readonly key: KeyObject
}

/** The keys by the bundle ids of the apps that they speak for, and the one for all other apps. */
export interface ApnsKeys {
  readonly otherwise: ApnsKey | undefined
  readonly apps: ReadonlyMap<string, ApnsKey>
}

/** Reads the keys that the settings name. Every app that has a value of its own must have all three of them. */
export const read = Effect.fnUntraced(function* (
  settings: ApnsSettings
): Effect.fn.Return<ApnsKeys, PushSetupError> {
  const named = new Set(ROWS.flatMap(([, of]) => [...of(settings).apps.keys()]))
  const apps = new Map<string, ApnsKey>()
  const known = new Map<string, ApnsKey>()
  for (const app of named) apps.set(app, yield* readOne(settings, app, known))
  // A value for all others may be there only to complete those of named apps.
  const complete = ROWS.every(([, of]) => of(settings).otherwise !== undefined)
  const otherwise = complete || named.size === 0 ? yield* readOne(settings, undefined, known) : undefined
  return { otherwise, apps }
})

const ROWS: ReadonlyArray<readonly [string, (settings: ApnsSettings) => PerApp]> = [
  ["ENS_APNS_KEY_FILE", (settings) => settings.keyFile],
  ["ENS_APNS_KEY_ID", (settings) => settings.keyId],
  ["ENS_APNS_TEAM_ID", (settings) => settings.teamId]
]

// Apps with the same key share one, because Apple counts how often its token changes.
const readOne = Effect.fnUntraced(function* (
  settings: ApnsSettings,
  app: string | undefined,
  known: Map<string, ApnsKey>
): Effect.fn.Return<ApnsKey, PushSetupError> {
  const values = ROWS.map(([, of]) => valueFor(of(settings), app))
  const [file, keyId, teamId] = values
  if (file === undefined || keyId === undefined || teamId === undefined) {
    const missing = ROWS.filter((_, i) => values[i] === undefined).map(([name]) => name)
    const whose = app === undefined ? "" : ` for ${app}`
    return yield* problem(
      `${missing.join(" and ")} must be set${whose}: make a key for the Apple Push Notifications service at developer.apple.com, which tells all three`
    )
  }
  const name = JSON.stringify(values)
  const key = known.get(name) ?? { keyId, teamId, key: yield* readKey(file) }
  known.set(name, key)
  return key
})

const valueFor = (setting: PerApp, app: string | undefined) =>
  (app === undefined ? undefined : setting.apps.get(app)) ?? setting.otherwise

/** Reads one key file. */
export const readKey = Effect.fnUntraced(function* (file: string) {
  const text = yield* Effect.tryPromise({
    try: () => readFile(file),
    catch: (cause) =>
      new PushSetupError({
        gateway: "apns",
        problem: `cannot read ${file} (${(cause as NodeJS.ErrnoException).code ?? "unknown error"}); correct ENS_APNS_KEY_FILE or the file's rights`
      })
  })
  const key = yield* Effect.try({ try: () => createPrivateKey(text), catch: () => undefined }).pipe(
    Effect.orElseSucceed(() => undefined),
    Effect.ensuring(Effect.sync(() => text.fill(0)))
  )
  // ES256 needs this curve (RFC 7518, 3.4).
  if (key?.asymmetricKeyDetails?.namedCurve !== "prime256v1")
    return yield* problem(
      `${file} is no APNs key; ENS_APNS_KEY_FILE must be the .p8 file that Apple gave out for the key`
    )
  return key
})

const problem = (text: string) => Effect.fail(new PushSetupError({ gateway: "apns", problem: text }))
