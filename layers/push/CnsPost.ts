import { Effect } from "effect"
import type { Dispatcher } from "undici"
import type { CnsResponse } from "./CnsReply.ts"
import { type CnsTrouble, TIMED_OUT, troubleOf } from "./CnsTrouble.ts"

export interface CnsPost {
  /** With the query. */
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string
  /** Milliseconds until it is given up. Sockets live in real time, and so does this. */
  readonly timeout: number
}

/** One request and the whole answer. Whoever is interrupted ends the request. */
export const make = (
  dispatcher: Dispatcher,
  { body, headers, path, timeout }: CnsPost
): Effect.Effect<CnsResponse, CnsTrouble> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    let controller: Dispatcher.DispatchController | undefined
    let isOver = false
    let status = 0
    let retryAfter: string | undefined
    let date: string | undefined
    const end = (answer: Effect.Effect<CnsResponse, CnsTrouble>) => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      resume(answer)
    }
    const abandon = () => {
      isOver = true
      clearTimeout(timer)
      controller?.abort(new Abandoned())
    }
    // A timer of its own is a tenth of what a race of two fibers costs.
    const timer = setTimeout(() => {
      end(Effect.fail(TIMED_OUT))
      abandon()
    }, timeout)
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: (started) => {
        controller = started
        if (isOver) started.abort(new Abandoned())
      },
      onResponseStart: (_, code, received) => {
        status = code
        retryAfter = [received["retry-after"] ?? []].flat()[0]
        date = [received["date"] ?? []].flat()[0]
      },
      onResponseData: (_, chunk) => {
        chunks.push(chunk)
      },
      onResponseEnd: () =>
        end(Effect.succeed({ status, retryAfter, date, body: Buffer.concat(chunks).toString() })),
      onResponseError: (_, error) => end(Effect.fail(troubleOf(error)))
    }
    try {
      dispatcher.dispatch({ method: "POST", path, headers, body }, handler)
    } catch (error) {
      end(Effect.fail(troubleOf(error)))
    }
    return Effect.sync(abandon)
  })

/** Nobody waits for the answer any more. */
class Abandoned extends Error {
  readonly code = "ENS_ABANDONED"
}
