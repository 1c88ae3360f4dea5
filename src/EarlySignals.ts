/**
 * Lets SIGINT and SIGTERM end a process that is still loading what will catch them. Everywhere else the kernel does so; to
 * the first process of a container it gives only signals that are caught. Returns what takes it back.
 */
export const endOnEarlySignals = (): (() => void) => {
  if (process.pid !== 1) return () => {}
  const end = (signal: NodeJS.Signals) => process.exit(signal === "SIGINT" ? 130 : 143)
  process.on("SIGINT", end)
  process.on("SIGTERM", end)
  return () => {
    process.off("SIGINT", end)
    process.off("SIGTERM", end)
  }
}
