import { DatabaseSync } from "node:sqlite"

/** Loaded into a service before it starts (`--import`): every COMMIT waits 50 ms, as on a disk with a slow fsync. */
const DELAY = 50

const sleeper = new Int32Array(new SharedArrayBuffer(4))
const prepare = DatabaseSync.prototype.prepare
DatabaseSync.prototype.prepare = function (sql, ...rest) {
  const statement = prepare.call(this, sql, ...rest)
  if (sql.trim().toUpperCase() !== "COMMIT") return statement
  return new Proxy(statement, {
    get: (target, name) => {
      if (name === "run") Atomics.wait(sleeper, 0, 0, DELAY)
      const value = Reflect.get(target, name, target)
      return typeof value === "function" ? value.bind(target) : value
    }
  })
}
