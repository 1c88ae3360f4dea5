import { Effect, Layer } from "effect"
import * as FileLock from "../../layers/ownership/FileLock.ts"

/** Holds the lock of a database file until it is killed: `node LockingProcess.ts <file>`. Says `locked`, or why not. */
await Effect.runPromise(
  Layer.launch(
    Layer.tap(FileLock.layer(process.argv[2]!), () => Effect.sync(() => process.stdout.write("locked\n")))
  ).pipe(Effect.catchAll((error) => Effect.sync(() => process.stdout.write(`${error.message}\n`))))
)
