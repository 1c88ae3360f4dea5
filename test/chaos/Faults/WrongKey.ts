import { randomBytes } from "node:crypto"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import type { Fault } from "../Fault.ts"

/** The database and another master key: the service must not start, and has to say why in one line. */
export const wrongKey: Fault = {
  name: "wrong master key",
  most: 2,
  run: ({ folder, journal, log, victim }) =>
    Effect.gen(function* () {
      const file = join(folder, "wrong.key")
      writeFileSync(file, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600 })
      yield* victim.stop
      const logged = statSync(log).size
      const { code, output } = yield* victim.refused({ ENS_MASTER_KEY_FILE: file })
      if (code === null || code === 0)
        journal.broken.push("the service started with a master key that is not the database's")
      const said = output + readFileSync(log).subarray(logged).toString("utf8")
      const lines = said.split("\n").filter((line) => /master key/i.test(line))
      if (lines.length !== 1)
        journal.broken.push(`the wrong master key was named in ${lines.length} lines instead of one`)
      yield* victim.start
    }).pipe(victim.alone)
}
