import { copyFileSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { pairOf } from "./Facts.ts"

/** Looks at the service's database from outside, as an operator's tools do. */
const looking = <A>(file: string, look: (database: DatabaseSync) => A): A => {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  try {
    return look(database)
  } finally {
    database.close()
  }
}

/** Mails that wait for their gateway: `pairOf` of device token and item. */
export const outboxIn = (file: string): ReadonlySet<string> =>
  looking(file, (database) => {
    const rows = database
      .prepare("SELECT d.token, o.item_id FROM outbox o JOIN devices d USING (user_no, device_no)")
      .all()
    return new Set(rows.map((row) => pairOf(String(row["token"]), String(row["item_id"]))))
  })

/** A consistent copy while the service writes. */
export const backUp = (file: string, copy: string): void => {
  rmSync(copy, { force: true })
  const database = new DatabaseSync(file, { timeout: 5000 })
  try {
    database.prepare("VACUUM INTO ?").run(copy)
  } finally {
    database.close()
  }
}

/** Puts the copy in the place of a database that nobody has open. */
export const restore = (file: string, copy: string): void => {
  for (const ending of ["", "-wal", "-shm"]) rmSync(`${file}${ending}`, { force: true })
  copyFileSync(copy, file)
}
