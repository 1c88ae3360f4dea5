import { Schema } from "effect"

/**
 * Storage did not do what was asked. `transient`: the same call may succeed later (locked, unreachable, full disk).
 * `detail` says more when the cause's own text does not help who reads it.
 */
export class StorageError extends Schema.TaggedError<StorageError>()("StorageError", {
  operation: Schema.String,
  transient: Schema.Boolean,
  cause: Schema.Defect,
  detail: Schema.optional(Schema.String)
}) {
  override get message() {
    const what = `storage failed in ${this.operation}`
    return this.detail === undefined ? what : `${what}: ${this.detail}`
  }
}

/** The database was made with another master key than the one given. */
export class MasterKeyMismatch extends Schema.TaggedError<MasterKeyMismatch>()("MasterKeyMismatch", {
  database: Schema.String
}) {
  override get message() {
    return `the master key does not open ${this.database}; give the key that it was made with (ENS_MASTER_KEY_FILE). After a rotation every node needs the new key; a backup from before it needs the one in master.key.<date>.old (docs/operations/secrets.md)`
  }
}

/** The database was made by a newer ENS. */
export class SchemaTooNew extends Schema.TaggedError<SchemaTooNew>()("SchemaTooNew", {
  found: Schema.Number,
  known: Schema.Number
}) {
  override get message() {
    return `the database has schema ${this.found}, this version knows ${this.known}; start the newer version again`
  }
}
