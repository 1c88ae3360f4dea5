import { createSecretKey } from "node:crypto"
import { cpSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Effect, Layer, Option, Redacted } from "effect"
import { open } from "../../layers/crypto/AesGcm.ts"
import { HEADER_BYTES, headerOf } from "../../layers/crypto/CallbackHeader.ts"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import * as NodeRsaKeys from "../../layers/crypto/NodeRsaKeys.ts"
import * as SealedCallback from "../../layers/crypto/SealedCallback.ts"
import { SERVICE_KEYS, unwrapRing } from "../../layers/crypto/ServiceKeyRing.ts"
import * as ServiceKeys from "../../layers/crypto/ServiceKeys.ts"
import { keyContext, POOL_CONTEXT } from "../../layers/crypto/UserKeyring.ts"
import { PLACES } from "../../layers/storage/MasterKeyRotation.ts"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { Credentials } from "../../schemas/Credentials.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import { queryOf, settingsOf } from "../support/CryptoFixture.ts"

type Master = MasterKey["Type"]

/** Copies a data directory as it is at this moment: database, WAL and all; the key only for who got that, too. */
export const steal = (from: string, to: string, what: { readonly masterKey: boolean }): void =>
  cpSync(from, to, {
    recursive: true,
    filter: (path) => what.masterKey || !path.endsWith("master.key")
  })

/** Every file of a directory, as bytes. */
export const filesIn = (directory: string): ReadonlyArray<Buffer> =>
  readdirSync(directory)
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path))

/** Which of the secrets are somewhere in the bytes: as text, in a URL or in JSON, as base64, hexadecimal or UTF-16. */
export const secretsIn = (
  bytes: ReadonlyArray<Uint8Array>,
  secrets: Readonly<Record<string, string>>
): ReadonlyArray<string> =>
  Object.entries(secrets)
    .filter(([, secret]) => {
      const utf8 = Buffer.from(secret, "utf8")
      const hex = utf8.toString("hex")
      const texts = [encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), hex, hex.toUpperCase()]
      const forms = [
        utf8,
        Buffer.from(secret, "latin1"),
        Buffer.from(secret, "utf16le"),
        ...texts.map((text) => Buffer.from(text))
      ]
      // In base64 the neighbours decide about the first and the last characters.
      for (const shift of [0, 1, 2]) {
        const text = Buffer.concat([Buffer.alloc(shift), utf8]).toString("base64")
        const whole = text.slice(4, Math.floor((shift + utf8.length) / 3) * 4)
        forms.push(Buffer.from(whole), Buffer.from(whole.replaceAll("+", "-").replaceAll("/", "_")))
      }
      return bytes.some((some) => forms.some((form) => Buffer.from(some).includes(form)))
    })
    .map(([name]) => name)

/** Every value that is bytes, of every table, also those that the layers above know nothing of. */
export const blobsIn = (file: string): ReadonlyArray<Uint8Array> => {
  const database = new DatabaseSync(file)
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
    return tables.flatMap(({ name }) =>
      database
        .prepare(`SELECT * FROM "${String(name)}"`)
        .all()
        .flatMap((row) => Object.values(row).filter((value) => value instanceof Uint8Array))
    )
  } finally {
    database.close()
  }
}

/** What the product's own code makes of a callback URL with this database and this master key. */
export const openUrl = (file: string, master: Master, url: string) =>
  Effect.gen(function* () {
    const { f, id } = queryOf(url)
    const header = headerOf(f)
    const user = yield* (yield* Storage).user(id as UserNumber)
    if (header === undefined || Option.isNone(user)) return Option.none<Credentials>()
    const opened = yield* (yield* CallbackSeal).open(user.value, header.generation, f)
    return Option.map(opened, Redacted.value)
  }).pipe(
    Effect.provide(
      SealedCallback.layer.pipe(
        Layer.provide(ServiceKeys.layerDerived),
        Layer.provideMerge(
          Layer.mergeAll(
            Layer.succeed(MasterKey, master),
            SqliteStorage.layer(file),
            NodeRsaKeys.layer,
            settingsOf({})
          )
        )
      )
    ),
    // Whatever goes wrong, the thief has nothing.
    Effect.catchTag("SealBroken", () => Effect.succeed(Option.none<Credentials>())),
    Effect.scoped
  )

/** Everything that the master key opens: wrapped keys, the service's keys, and the outer layer of split log-ins. */
export const decryptedWith = (file: string, master: Master) =>
  Effect.gen(function* () {
    const storage = yield* Storage
    const found: Array<Buffer> = []
    for (const place of PLACES) {
      for (const { kind, owner, wrapped } of yield* storage.wrappedKeys(place, undefined, 10_000)) {
        const context = kind === "pool" || owner === undefined ? POOL_CONTEXT : keyContext(kind, owner)
        found.push(yield* master.unwrap(wrapped, context))
      }
    }
    const ring = yield* unwrapRing(master, yield* Effect.flatten(storage.findMeta(SERVICE_KEYS)))
    found.push(Buffer.from(ring.fingerprint), ...ring.callbackMac.map(({ key }) => Buffer.from(key)))
    return found
  }).pipe(Effect.provide(SqliteStorage.layer(file)), Effect.scoped)

/** Tries every 32 bytes of the given values as the key that `f` or a split ciphertext was sealed with. */
export const opensWithAnyPart = (
  values: ReadonlyArray<Uint8Array>,
  sealed: ReadonlyArray<{ readonly body: Uint8Array; readonly bound: Uint8Array }>
): boolean =>
  values.some((value) => {
    for (let at = 0; at + 32 <= value.length; at++) {
      const key = createSecretKey(value.subarray(at, at + 32))
      if (sealed.some(({ body, bound }) => open(key, body, bound) !== undefined)) return true
    }
    return false
  })

/** The sealed part of `f`, and what it is bound to. */
export const sealedPartOf = (url: string, userId: string) => {
  const { f, id } = queryOf(url)
  const bytes = Buffer.from(f, "base64url")
  const bound = Buffer.concat([bytes.subarray(0, HEADER_BYTES), Buffer.from(`${id}|${userId}`, "utf8")])
  return { body: bytes.subarray(HEADER_BYTES), bound }
}
