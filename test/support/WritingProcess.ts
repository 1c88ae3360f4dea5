import { Effect } from "effect"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { addSubscriber, addTenant, mail } from "../layers/storage/Samples.ts"

/**
 * Writes until it is killed: `node WritingProcess.ts <file> <writers>`. One line for each user whose subscription and
 * outbox entry were answered as stored: `<number> <name>`.
 */
const [file, writers] = process.argv.slice(2)

const writer = (number: number, tenant: Effect.Effect.Success<ReturnType<typeof addTenant>>) =>
  Effect.gen(function* () {
    const storage = yield* Storage
    for (let round = 0; ; round++) {
      const name = `user ${number}-${round}`
      const user = yield* addSubscriber(tenant, name)
      yield* storage.addOutbox([mail(user, name)])
      process.stdout.write(`${user} ${name}\n`)
    }
  })

const program = Effect.flatMap(addTenant("t"), (tenant) =>
  Effect.all(
    Array.from({ length: Number(writers) }, (_, number) => writer(number, tenant)),
    { concurrency: "unbounded" }
  )
)

await Effect.runPromise(Effect.provide(program, SqliteStorage.layer(file!)))
