import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs"
import { dirname } from "node:path"
import { SqlError } from "@effect/sql/SqlError"
import { Effect, Layer } from "effect"
import { type SchemaTooNew, StorageError } from "../../schemas/StorageError.ts"
import { migrate } from "./Migrations.ts"
import { adviceOf } from "./SqliteAdvice.ts"
import * as SqliteClient from "./SqliteClient.ts"
import * as SqlStorage from "./SqlStorage.ts"
import type { Storage } from "./Storage.ts"
import { storageError } from "./sql/Operation.ts"

/**
 * Storage in one embedded database file: made with its directory if it is not there (mode 0600 and 0700), and brought up
 * to the schema of this version. `file` is a path.
 */
export const layer = (file: string): Layer.Layer<Storage, StorageError | SchemaTooNew> =>
  Layer.provide(
    SqlStorage.layer(file),
    Layer.effectDiscard(migrate()).pipe(
      Layer.provideMerge(SqliteClient.layer(file)),
      Layer.provide(Layer.effectDiscard(prepareFile(file))),
      Layer.catchAll((error) => Layer.fail(error._tag === "SqlError" ? openError(file, error) : error))
    )
  )

const openError = (file: string, error: SqlError): StorageError =>
  new StorageError({ ...storageError("open", error), detail: adviceOf(file, error.cause) })

/** SQLite gives its -wal and -shm files the mode of the database. */
const prepareFile = (file: string) =>
  Effect.try({
    try: () => {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      closeSync(openSync(file, "a", 0o600))
      chmodSync(file, 0o600)
    },
    catch: (cause) => new SqlError({ cause, message: `cannot make ${file}` })
  })
