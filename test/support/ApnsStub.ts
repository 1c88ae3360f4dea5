import { Effect } from "effect"
import {
  type ApnsAct,
  type ApnsRequest,
  type ApnsServer,
  type ApnsServerOptions,
  serveApns
} from "../../src/sandbox/ApnsServer.ts"

export type { ApnsAct, ApnsRequest } from "../../src/sandbox/ApnsServer.ts"

export interface ApnsStub extends ApnsServer {
  /** Every request, in order, whatever the answer was. */
  readonly requests: ReadonlyArray<ApnsRequest>
  /** The requests that were answered with 200. */
  readonly delivered: ReadonlyArray<ApnsRequest>
  /** Answers so from now on. */
  act: (request: ApnsRequest) => ApnsAct | Promise<ApnsAct>
}

export type ApnsStubOptions = Omit<ApnsServerOptions, "serve">

export const delivered: ApnsAct = {}

/** The server of the APNs stand-in, which does as the test says with every request that is right in itself. */
export const make = Effect.fnUntraced(function* (options: ApnsStubOptions) {
  const requests: Array<ApnsRequest> = []
  const taken: Array<ApnsRequest> = []
  const server = yield* serveApns({
    ...options,
    serve: async (request, problem) => {
      requests.push(request)
      const act = problem ?? (await stub.act(request))
      const isTaken = typeof act !== "string" && (act.status ?? 200) === 200 && act.body === undefined
      if (isTaken) taken.push(request)
      return act
    }
  }).pipe(Effect.orDie)
  const stub: ApnsStub = { ...server, requests, delivered: taken, act: () => delivered }
  return stub
})
