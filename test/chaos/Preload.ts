import { readFileSync } from "node:fs"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import { isMainThread } from "node:worker_threads"
import { LOOKS_EVERY, TAMPERING_FILE, type Tampering, UNTOUCHED } from "./Tampering.ts"

/**
 * Loaded into the service's process (and each of its threads) before anything else: makes its wall clock wrong and its
 * disk slow, as a file says. The service itself knows nothing of it.
 */
const file = process.env[TAMPERING_FILE] ?? ""
const RealDate = Date
let tampering: Tampering = UNTOUCHED
let lookedAt = Number.NEGATIVE_INFINITY

const look = (): Tampering => {
  const now = performance.now()
  if (now - lookedAt < LOOKS_EVERY) return tampering
  lookedAt = now
  try {
    tampering = JSON.parse(readFileSync(file, "utf8")) as Tampering
  } catch {
    // Being written just now: what it said before holds a moment longer.
  }
  return tampering
}

const now = () => RealDate.now() + look().clock

globalThis.Date = new Proxy(RealDate, {
  apply: () => new RealDate(now()).toString(),
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
  get: (target, name, receiver) => (name === "now" ? now : Reflect.get(target, name, receiver))
})

/** The writer's thread waits for the disk with nothing else to do. */
const waitForDisk = () => {
  const { commit } = look()
  if (commit > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, commit)
}

if (!isMainThread) {
  const prepare = DatabaseSync.prototype.prepare
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string, ...more: []): StatementSync {
    const statement = prepare.call(this, sql, ...more)
    if (!/^\s*COMMIT/i.test(sql)) return statement
    const run = statement.run.bind(statement)
    Object.defineProperty(statement, "run", {
      value: () => {
        waitForDisk()
        return run()
      }
    })
    return statement
  }
}
