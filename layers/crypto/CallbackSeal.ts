import { Context, type Effect, type Option } from "effect"
import type { RedactedCredentials } from "../../schemas/Credentials.ts"
import type { Generation, TenantNumber, UserNumber } from "../../schemas/Ids.ts"
import type { StorageError } from "../../schemas/StorageError.ts"
import type { User } from "../storage/Storage.ts"
import type { SealBroken } from "./MasterKey.ts"

/** How credentials rest in `f` (contract section 3). */
export type SealMode = "sealed" | "rsa" | "split"

/** What an authentic callback URL says before anything is decrypted. */
export interface CallbackAddress {
  readonly user: UserNumber
  readonly tenant: TenantNumber
  readonly generation: Generation
  readonly mode: SealMode
}

/**
 * The callback URL's `f` (credentials that only we can open) and `s` (proof that we made it). `f` starts with a header in
 * clear (version, mode, key id, tenant, generation), so that `s` can be checked without storage.
 */
export class CallbackSeal extends Context.Tag("ens/CallbackSeal")<
  CallbackSeal,
  {
    /**
     * The whole callback URL, under 2,000 characters. Credentials that do not fit are split: storage gets ciphertext,
     * `f` the only copy of its key.
     */
    readonly makeUrl: (
      user: User,
      generation: Generation,
      credentials: RedactedCredentials
    ) => Effect.Effect<string, StorageError | SealBroken>
    /** Checks `s`; undefined for anything that we did not make. No storage, RSA or AES; a few microseconds. */
    readonly verify: (id: string, f: string, s: string) => CallbackAddress | undefined
    /** Whether `f` was made with the user's present or former keys: false for an earlier user of this number, or retired keys. */
    readonly isFor: (user: User, f: string) => Effect.Effect<boolean, StorageError | SealBroken>
    /** Opens `f` of a verified URL. None if the split part or the user's keys are gone. Storage is asked for former keys only if the present ones did not make it. */
    readonly open: (
      user: User,
      generation: Generation,
      f: string
    ) => Effect.Effect<Option.Option<RedactedCredentials>, StorageError | SealBroken>
  }
>() {}
