import { Command } from "@effect/cli"
import { Console, Effect } from "effect"
import * as CnsPins from "../../layers/push/CnsPins.ts"
import { Settings } from "../../schemas/Settings.ts"
import { withSettings } from "./Administer.ts"
import { configFile, json } from "./CommonOptions.ts"
import { textTable } from "./TextTable.ts"

/** `ens pin list`: the pins of CNS, those of the settings included. */
export const listCommand = Command.make("list", { configFile, json }, (given) =>
  withSettings(
    given.configFile,
    Effect.gen(function* () {
      const { cns, dataDir } = yield* Settings
      const stored = yield* CnsPins.read(dataDir)
      const rows = [
        ...stored.map(({ expiresAt, from, pin, subject }) => ({
          pin,
          from,
          subject,
          expiresAt: new Date(expiresAt).toISOString()
        })),
        ...cns.pins.map((pin) => ({ pin, from: "ENS_CNS_PINS", subject: null, expiresAt: null }))
      ]
      if (given.json) return yield* Console.log(JSON.stringify(rows))
      if (rows.length === 0) return yield* Console.log("no pins; CNS's certificate has to be valid, no more")
      const cells = rows.map(({ expiresAt, from, pin, subject }) => [
        pin,
        expiresAt?.slice(0, 10) ?? "-",
        from,
        subject ?? "-"
      ])
      yield* Console.log(textTable(["PIN (SHA-256)", "EXPIRES", "FROM", "SUBJECT"], cells))
    })
  )
).pipe(Command.withDescription("List the pins of CNS, with the end of the certificates where it is known"))
