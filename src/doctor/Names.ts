import { lookup } from "node:dns/promises"
import { Effect } from "effect"

/** The addresses of a name, as this machine finds them. Fails with the reason in words; never waits long for a DNS server. */
export const addressesOf = (name: string): Effect.Effect<ReadonlyArray<string>, string> =>
  Effect.tryPromise({
    try: () => lookup(name, { all: true }),
    catch: (error) =>
      error instanceof Error && "code" in error && error.code === "EAI_AGAIN"
        ? "the DNS server does not answer (EAI_AGAIN)"
        : "the name does not resolve"
  }).pipe(
    Effect.map((found) => [...new Set(found.map(({ address }) => address))]),
    Effect.timeoutFail({
      duration: WITHIN,
      onTimeout: () => `the DNS server does not answer within ${WITHIN / 1000} seconds`
    })
  )

/** Milliseconds. */
const WITHIN = 8_000
