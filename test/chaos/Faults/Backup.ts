import { Effect, Schedule } from "effect"
import { backUp, outboxIn, restore } from "../Database.ts"
import type { Fault } from "../Fault.ts"
import type { World } from "../World.ts"

/** A backup is taken when nothing waits: what waits in it would be sent again after it was restored. */
export const takeBackup = ({ backup, database, journal }: World): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* emptyOutbox(database)
    yield* Effect.sync(() => backUp(database, backup.file))
    backup.takenAt = Date.now()
    journal.tell("a backup of the database is taken")
  })

/** Stopped, the database replaced by the backup, started again. */
export const restoreBackup: Fault = {
  name: "database restored from a backup",
  most: 2,
  run: ({ backup, database, journal, victim }) =>
    Effect.gen(function* () {
      yield* emptyOutbox(database)
      yield* victim.stop
      for (const pair of outboxIn(database)) journal.replaced.add(pair)
      restore(database, backup.file)
      yield* victim.start
      const [from, to] = [backup.takenAt, Date.now()]
      journal.interruptions.push({
        what: "the database was restored from a backup",
        from,
        to,
        forgotten: true
      })
    }).pipe(victim.alone)
}

const PATIENCE = 15_000

const emptyOutbox = (database: string): Effect.Effect<void> =>
  Effect.sync(() => outboxIn(database).size).pipe(
    Effect.repeat({ until: (size) => size === 0, schedule: Schedule.spaced(250) }),
    Effect.timeoutOption(PATIENCE),
    Effect.asVoid
  )
