import { Clock, Effect, Metric } from "effect"
import { Storage } from "../../layers/storage/Storage.ts"
import { Troubles } from "../../layers/telemetry/Troubles.ts"
import { FAULT_NAMES } from "../../schemas/Fault.ts"
import { version } from "../Instance.ts"
import { showFromTheStart } from "./StartingMetrics.ts"

/** Brings those metrics up to date that are looked up only when somebody asks. */
export const measure: Effect.Effect<void, never, Storage> = Effect.gen(function* () {
  const storage = yield* Storage
  const memory = process.memoryUsage()
  yield* Metric.set(residentMemory, memory.rss)
  yield* Metric.set(heapUsed, memory.heapUsed)
  yield* Metric.set(uptime, Math.round(process.uptime()))
  yield* Metric.set(buildInfo, 1)
  yield* showFromTheStart
  yield* measureTroubles
  const now = yield* Clock.currentTimeMillis
  // What can be read is told also while nothing can be written.
  const counts = Effect.all([
    Effect.flatMap(storage.outboxSize, ({ entries, oldest }) =>
      Effect.zipRight(
        Metric.set(outboxEntries, entries),
        Metric.set(outboxOldest, oldest === null ? 0 : Math.max(0, (now - oldest) / 1000))
      )
    ),
    Effect.flatMap(storage.countPoolKeys, (keys) => Metric.set(poolKeys, keys))
  ])
  yield* Effect.all([counts, storage.ping], { concurrency: 2 }).pipe(
    Effect.zipRight(Metric.set(storageUp, 1)),
    Effect.timeout("3 seconds"),
    Effect.catchAll(() => Metric.set(storageUp, 0))
  )
})

const measureTroubles = Effect.gen(function* () {
  const troubles = yield* (yield* Troubles).current
  for (const fault of FAULT_NAMES) {
    const places = troubles.filter((trouble) => trouble.fault === fault).length
    yield* Metric.set(Metric.tagged(troublesGauge, "fault", fault), places)
  }
})

const troublesGauge = Metric.gauge("ens_troubles", {
  description: "Places (hosts, gateways) that have a trouble now, by its name in docs/troubleshooting.md."
})
const buildInfo = Metric.gauge("ens_build_info", {
  description: "Always 1; what runs: version of ENS, and of Node.js."
}).pipe(Metric.tagged("version", version), Metric.tagged("node", process.version))
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
  description: "1 if storage could be read and written at the last scrape, else 0."
})
