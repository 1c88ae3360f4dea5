import { makeRunMain, type RunMain } from "@effect/platform/Runtime"
import { replaceProcess } from "./ReplaceProcess.ts"

/** Whatever hangs, a process that was told to stop is gone after so long (ms). */
const STOP_TIME = 9_500
/**
 * A signal so soon after the first (ms) is the same one: `npm` passes on what a terminal or systemd sends to the whole
 * group, so that it comes twice.
 */
const ECHO = 250

/** What tells a process to stop. Windows has no SIGTERM: there a service manager sends what Ctrl+C or Ctrl+Break would. */
const SIGNALS: ReadonlyArray<NodeJS.Signals> = ["SIGINT", "SIGTERM", "SIGBREAK"]

/**
 * Runs the process's main effect. The first of these signals interrupts it; when its finalizers are done, or after 9.5 s,
 * the process ends with code 0, or with `process.exitCode`, of who has ended it for a failure. A second signal ends it at once, as if nobody had caught it (130, 143 to a shell), even
 * while the event loop is busy.
 */
export const runMain: RunMain = makeRunMain(({ fiber, teardown }) => {
  const keepAlive = setInterval(() => {}, 2 ** 31 - 1)
  let signalled: number | undefined
  fiber.addObserver((exit) => {
    clearInterval(keepAlive)
    teardown(exit, (code) => {
      if (signalled !== undefined) end(codeOr(code), performance.now() - signalled)
      else if (code !== 0) process.exit(code)
    })
  })

  const onSignal = (signal: NodeJS.Signals) => {
    if (signalled === undefined) {
      signalled = performance.now()
      fiber.unsafeInterruptAsFork(fiber.id())
      setTimeout(() => {
        process.stderr.write("ens: not everything came to its end in time; stopping all the same\n")
        endNow(codeOr(0))
      }, STOP_TIME).unref()
      // Nobody catches it then; but the kernel keeps uncaught ones from the first process of a container.
      if (process.pid !== 1) setTimeout(letGo, ECHO).unref()
    } else if (performance.now() - signalled > ECHO) {
      letGo()
      if (signal !== "SIGBREAK") process.kill(process.pid, signal)
      endNow(signal === "SIGINT" ? 130 : 143)
    }
  }
  const letGo = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
})

/** The code of an interrupted process says nothing of why it was. */
const codeOr = (code: number): number => code || Number(process.exitCode ?? 0)

/**
 * `process.exit` waits for threads: for SQLite that waits for a lock, for a DNS server that says nothing. If stopping took
 * longer (ms) than it does when nothing hangs, or names are still being looked up, nobody is waited for.
 */
const SMOOTH = 400
const end = (code: number, took: number): void => {
  const isLookingUp = process.getActiveResourcesInfo().some((kind) => kind.startsWith("GetAddrInfo"))
  if (took > SMOOTH || isLookingUp) endNow(code)
  process.exit(code)
}

/** Replaces the process by one that only exits. Where that cannot be done, it waits for its threads. */
const endNow = (code: number): never => {
  replaceProcess(["-e", `process.exit(${code})`], {})
  return process.exit(code)
}
