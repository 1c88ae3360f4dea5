import { readFileSync } from "node:fs"
import { freemem, totalmem } from "node:os"
import { getHeapStatistics } from "node:v8"
import { Clock, Effect } from "effect"
import { version } from "../../Instance.ts"
import { failed, ok, skipped, type Tell } from "../Finding.ts"

/** Node, memory, file descriptors and this machine's clock. Needs no settings. */
export const runtime = (tell: Tell): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const { node, openssl } = process.versions
    const what = `ENS ${version}, Node ${node} on ${process.platform} ${process.arch}, OpenSSL ${openssl}`
    if (Number(node.split(".")[0]) >= NODE) tell(ok("runtime", what))
    else
      tell(
        failed("runtime", `${what} is too old`, `run it with Node ${NODE}, which npm install brings along`)
      )

    const total = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
    const heap = getHeapStatistics().heap_size_limit
    const memory = `${mib(total)} MiB for this process, ${mib(Math.min(freemem(), total))} free, heap up to ${mib(heap)}`
    if (total >= MEMORY) tell(ok("memory", memory))
    else tell(failed("memory", memory, `give it at least ${mib(MEMORY)} MiB`))

    const files = fileLimit()
    if (files === undefined) tell(skipped("file descriptors", "this platform does not tell their limit"))
    else if (files >= FILES) tell(ok("file descriptors", `${files}`))
    else {
      tell(
        failed(
          "file descriptors",
          `only ${files}; every connection needs one`,
          `allow ${FILES} or more (LimitNOFILE= in the systemd unit, ulimit -n)`
        )
      )
    }

    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
    const time = `${new Date(now).toISOString().replace(/\.\d+/, "")}, time zone ${zone}`
    // A machine without a clock of its own wakes up in 1970 or on the day its image was made.
    if (now >= EARLIEST) tell(ok("clock", time))
    else tell(failed("clock", `${time} cannot be`, "set this machine's clock, and synchronise it (NTP)"))
  })

const NODE = 24
const MEMORY = 256 * 1024 * 1024
const FILES = 4096
const EARLIEST = Date.UTC(2026, 0, 1)

const mib = (bytes: number) => Math.round(bytes / 1024 / 1024)

/** The hard limit, to which Node raises the soft one. */
const fileLimit = (): number | undefined => {
  try {
    const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]
    return hard === "unlimited" ? Number.MAX_SAFE_INTEGER : hard === undefined ? undefined : Number(hard)
  } catch {
    return undefined
  }
}
