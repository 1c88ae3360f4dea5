/** What a server under test tells the bench, over Node's IPC channel. */
export interface ServerReady {
  readonly port: number
  /** Paths with query that the load is to ask for. */
  readonly targets: ReadonlyArray<string>
}

/** Microseconds of CPU that the server's process has used so far. */
export interface ServerUsage {
  readonly cpu: number
}

/** Says that the server listens, then answers each message with the CPU time used; ends with its parent. */
export const serveBench = (port: number, targets: ReadonlyArray<string> = []): void => {
  const tell = (message: ServerReady | ServerUsage) => process.send?.(message)
  process.on("message", () => {
    const { system, user } = process.cpuUsage()
    tell({ cpu: system + user })
  })
  process.on("disconnect", () => process.exit())
  tell({ port, targets })
}
