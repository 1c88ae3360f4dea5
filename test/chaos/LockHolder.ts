import { DatabaseSync } from "node:sqlite"

/** A process that takes the lock of a database, says so, and keeps it until its input ends: `node LockHolder.ts FILE`. */
const database = new DatabaseSync(process.argv[2] ?? "", { timeout: 10_000 })
database.exec("BEGIN IMMEDIATE")
process.stdout.write("locked\n")
process.stdin.on("end", () => {
  database.exec("ROLLBACK")
  database.close()
})
process.stdin.resume()
