import { Effect, Option } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { findMasterKey } from "../../../layers/crypto/MasterKeyFile.ts"
import { findRotation, KEY_CHECK, RotationUnfinished } from "../../../layers/storage/RotationState.ts"
import type { Check } from "../Check.ts"
import { failed, ok, skipped } from "../Finding.ts"
import { Patient } from "../Patient.ts"

/** The master key: there, nobody else's, and the one of the database. None is made. */
export const masterKey: Check = {
  name: "master key",
  within: 15,
  network: false,
  run: (tell) =>
    Effect.gen(function* () {
      const { settings, storage } = yield* Patient
      const source = settings.masterKey
      const where = "file" in source ? source.file : "ENS_MASTER_KEY"
      const found = yield* storage
      const known =
        found._tag === "Opened" ? Option.getOrUndefined(yield* found.storage.findMeta(KEY_CHECK)) : undefined
      if ("file" in source && (yield* findMasterKey(source.file)) === undefined) {
        if (known === undefined) {
          return tell(skipped("master key", `${where} is not there yet; ens init or ens start makes it`))
        }
        const cure = "restore it from its backup or copy it from another node, or correct ENS_MASTER_KEY_FILE"
        return tell(failed("master key", `${where} is gone, and the database opens with no other`, cure))
      }
      const key = yield* LocalMasterKey.read(source)
      if (found._tag === "Trouble") {
        return tell(
          skipped("master key", `${where} is a key; whether it is the database's cannot be looked up`)
        )
      }
      if (found._tag !== "Opened" || known === undefined) {
        return tell(ok("master key", `${where} can be used; there is no database yet that needs it`))
      }
      const rotation = yield* findRotation(found.storage)
      if (Option.isSome(rotation)) {
        return tell(failed("master key", new RotationUnfinished(rotation.value).message))
      }
      if (Buffer.from(known).equals(key.checkValue)) tell(ok("master key", `${where} opens the database`))
      else {
        const says = `${where} does not open ${found.storage.location}`
        tell(
          failed(
            "master key",
            says,
            "give the key that the database was made with (docs/operations/secrets.md)"
          )
        )
      }
    })
}
