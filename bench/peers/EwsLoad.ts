/** Where a server under load is, the authority that vouches for it (PEM), and the mail that it has. */
export interface EwsServerReady {
  readonly url: string
  readonly ca: string
  readonly item: string
  /** Who has it may log in: a PKCS#12 file in base64, of which a log-in's password is the password, too. */
  readonly certificate?: string | undefined
}

/** What the bench asks of a client: calls for so many milliseconds, so many at a time. */
export interface EwsOrder {
  readonly server: EwsServerReady
  readonly atATime: number
  readonly milliseconds: number
}

export interface EwsResult {
  readonly calls: number
  readonly milliseconds: number
  /** Microseconds of CPU that the client's process used. */
  readonly cpu: number
}

/** A mail's id where no other is given. */
export const ITEM =
  "AAMkAGUxZDVhYTI4LWJlMTEtNDc0My1hYjE5LTU0OTNhNTdlNzYxZgBGAAAAAADxQ2FwdHVyZWQgaW5ib3ggaXRlbQAAA="
export const SHAPE = { sender: true, subject: true, preview: true } as const
export const PATH = "/EWS/Exchange.asmx"
/** Who asks. */
export const ADDRESS = "ada.lovelace@example.com"
export const PASSWORD = "Correct-horse-battery-staple-1843"
export const TOKEN = "eyJhbGciOiJSUzI1NiJ9".repeat(60)

/** Makes calls one after the other until the time is over (`performance.now()`), and answers how many. */
export type Calls = (end: number) => Promise<number>

/** Serves orders with as many loops of calls; one fails if it does not get a mail. Ends with its parent. */
export const serveLoad = (prepare: (server: EwsServerReady) => Calls): void => {
  let calls: Calls | undefined
  const load = async (order: EwsOrder): Promise<EwsResult> => {
    calls ??= prepare(order.server)
    const loop = calls
    const before = process.cpuUsage()
    const start = performance.now()
    const made = await Promise.all(
      Array.from({ length: order.atATime }, () => loop(start + order.milliseconds))
    )
    const { system, user } = process.cpuUsage(before)
    const all = made.reduce((sum, count) => sum + count, 0)
    return { calls: all, milliseconds: performance.now() - start, cpu: system + user }
  }
  process.on("message", (order: EwsOrder) => {
    load(order).then(
      (result) => process.send?.(result),
      (error: unknown) => {
        throw error
      }
    )
  })
  process.on("disconnect", () => process.exit())
  process.send?.({})
}
