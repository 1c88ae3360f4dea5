import { Clock, Effect, Metric } from "effect"
import { Storage } from "../../layers/storage/Storage.ts"

/** Brings those metrics up to date that are looked up only when somebody asks. */
export const measure: Effect.Effect<void, never, Storage> = Effect.gen(function* () {
  const storage = yield* Storage
  const memory = process.memoryUsage()
  yield* Metric.set(residentMemory, memory.rss)
  yield* Metric.set(heapUsed, memory.heapUsed)
  yield* Metric.set(uptime, Math.round(process.uptime()))
  yield* Effect.flatMap(storage.outboxSize, ({ entries, oldest }) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Metric.set(outboxEntries, entries).pipe(
        Effect.zipRight(Metric.set(outboxOldest, oldest === null ? 0 : Math.max(0, (now - oldest) / 1000)))
      )
    )
  ).pipe(
    Effect.zipRight(Effect.flatMap(storage.countPoolKeys, (keys) => Metric.set(poolKeys, keys))),
    Effect.zipRight(Metric.set(storageUp, 1)),
    Effect.timeout("3 seconds"),
    Effect.catchAll(() => Metric.set(storageUp, 0))
  )
})

const residentMemory = Metric.gauge("process_resident_memory_bytes", {
  description: "Resident memory size in bytes."
})
const heapUsed = Metric.gauge("nodejs_heap_size_used_bytes", {
  description: "JavaScript heap in use in bytes."
})
const uptime = Metric.gauge("ens_uptime_seconds", { description: "Seconds since the process started." })
const outboxEntries = Metric.gauge("ens_outbox_entries", {
  description: "Notifications that wait for a push gateway."
})
const outboxOldest = Metric.gauge("ens_outbox_oldest_seconds", {
  description: "How long the oldest waiting notification has been waiting."
})
const poolKeys = Metric.gauge("ens_rsa_pool_keys", { description: "RSA keys made ahead of need." })
const storageUp = Metric.gauge("ens_storage_up", {
  description: "1 if storage answered the last scrape, else 0."
})
