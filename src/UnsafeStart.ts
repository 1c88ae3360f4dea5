import { writeFileSync } from "node:fs"
import { Effect, Schema } from "effect"
import type { SettingsShape } from "../schemas/Settings.ts"

/** How the process was started would give secrets away; the service does not start. Says what to take back. */
export class UnsafeStart extends Schema.TaggedError<UnsafeStart>()("UnsafeStart", {
  problem: Schema.String
}) {
  override get message() {
    return this.problem
  }
}

/** What a process was started with. */
export interface Began {
  /** Flags of Node: on the command line and in NODE_OPTIONS, which may have quotes. */
  readonly flags: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Why the service must not start like this; undefined: it may. A pure function. */
export const unsafety = (
  { environment, flags }: Began,
  crashDumps: SettingsShape["crashDumps"]
): string | undefined => {
  if (environment["NODE_TLS_REJECT_UNAUTHORIZED"] === "0") {
    return "NODE_TLS_REJECT_UNAUTHORIZED=0 would send log-ins to whoever says that he is Exchange; remove it, and trust an own authority with ENS_EWS_CA_FILE, ENS_CNS_CA_FILE or NODE_EXTRA_CA_CERTS"
  }
  const given = flags.map((flag) => flag.replaceAll('"', "").replaceAll("_", "-"))
  const weak = given.find((flag) => WEAK.some((start) => flag.startsWith(start)))
  if (weak !== undefined) {
    return `Node's flag ${nameOf(weak)} weakens TLS or HTTP everywhere, or writes down its keys; remove it from the command line or NODE_OPTIONS`
  }
  // Its parts for HTTP print the headers of requests, log-ins included.
  if (crashDumps === "off" && (environment["NODE_DEBUG"] ?? "") !== "") {
    return "NODE_DEBUG would write log-ins to standard error; remove it, or, to look for a fault, set ENS_CRASH_DUMPS=on"
  }
  const telltale =
    crashDumps === "on" ? undefined : given.find((flag) => TELLTALE.some((start) => flag.startsWith(start)))
  return telltale === undefined
    ? undefined
    : `Node's flag ${nameOf(telltale)} lets others read the memory of the service, which holds passwords; remove it from the command line or NODE_OPTIONS, or, to look for a fault, set ENS_CRASH_DUMPS=on`
}

/**
 * Refuses to start where secrets would be given away, and unless `ENS_CRASH_DUMPS` is on sees to it that a crash leaves nothing
 * of the memory behind: dumps of the kernel hold none of it, and Node's reports neither environment nor connections.
 */
export const forbidTelltales = (
  settings: Pick<SettingsShape, "crashDumps">
): Effect.Effect<void, UnsafeStart> =>
  Effect.gen(function* () {
    const flags = [...process.execArgv, ...(process.env["NODE_OPTIONS"] ?? "").split(/\s+/)]
    const problem = unsafety({ flags, environment: process.env }, settings.crashDumps)
    if (problem !== undefined) return yield* new UnsafeStart({ problem })
    if (settings.crashDumps === "on") {
      return yield* Effect.logWarning(
        "ENS_CRASH_DUMPS is on: a crash leaves files that hold passwords and mails; switch it off when the fault is found"
      )
    }
    yield* Effect.sync(withoutReports)
    if (process.platform !== "linux") return
    yield* Effect.try(() => writeFileSync(COREDUMP_FILTER, "0")).pipe(
      Effect.catchAll(() =>
        Effect.logWarning(
          `${COREDUMP_FILTER} cannot be written: a crash may leave a core dump with passwords in it; set LimitCORE=0 (systemd) or --ulimit core=0 (containers)`
        )
      )
    )
  })

/** Which memory the kernel writes into a dump of this process (core(5)): bits, none of them. Kept when Node is replaced. */
const COREDUMP_FILTER = "/proc/self/coredump_filter"

const WEAK = [
  "--tls-keylog",
  "--tls-min-v1.0",
  "--tls-min-v1.1",
  "--insecure-http-parser",
  "--openssl-legacy-provider",
  "--security-revert"
]

const TELLTALE = [
  "--inspect",
  "--heapsnapshot-",
  "--report-on-",
  "--report-uncaught-exception",
  "--abort-on-uncaught-exception"
]

const nameOf = (flag: string) => flag.split("=", 1)[0] ?? ""

const withoutReports = (): void => {
  const { report } = process
  report.reportOnFatalError = false
  report.reportOnSignal = false
  report.reportOnUncaughtException = false
  // If one is asked for all the same. Older Node has not all of them.
  Object.assign(report, { excludeEnv: true, excludeNetwork: true })
}
