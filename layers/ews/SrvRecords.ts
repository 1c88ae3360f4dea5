import type { SrvRecord } from "node:dns"
import { Resolver } from "node:dns/promises"
import { Context, Effect, Layer } from "effect"

/** A host and port that DNS names. */
export interface SrvTarget {
  readonly host: string
  readonly port: number
}

/** DNS SRV records (RFC 2782). A name that has none, or cannot be asked about, has none. */
export class SrvRecords extends Context.Tag("ens/SrvRecords")<
  SrvRecords,
  {
    /** Not longer than the milliseconds given. */
    readonly lookup: (name: string, timeout: number) => Effect.Effect<ReadonlyArray<SrvRecord>>
  }
>() {}

/** Over these name servers (addresses, with port if it is not 53); the system's if absent. */
export const layerWith = (servers?: ReadonlyArray<string>): Layer.Layer<SrvRecords> =>
  Layer.succeed(SrvRecords, {
    lookup: (name, timeout) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const resolver = new Resolver({ timeout: Math.max(1, Math.ceil(timeout)), tries: 1 })
          if (servers !== undefined) resolver.setServers(servers)
          return resolver
        }),
        (resolver) => Effect.tryPromise(() => resolver.resolveSrv(name)),
        (resolver) => Effect.sync(() => resolver.cancel())
      ).pipe(
        Effect.timeout(timeout),
        Effect.tapError((error) => Effect.logDebug(`no SRV records: ${codeOf(error)}`)),
        Effect.orElseSucceed(() => [])
      )
  })

export const layer: Layer.Layer<SrvRecords> = layerWith()

/**
 * The record to use: the lowest priority, in it the highest weight. `usable` leaves out those that cannot serve. Where
 * RFC 2782 would throw dice, the first by name is taken: a failure that comes and goes is hard to find.
 */
export const bestRecord = (
  records: ReadonlyArray<SrvRecord>,
  usable: (target: SrvTarget) => boolean
): SrvTarget | undefined =>
  records
    .map(({ name, port, priority, weight }) => ({ host: name.replace(/\.$/, ""), port, priority, weight }))
    .filter((record) => record.host !== "" && usable(record))
    .toSorted((a, b) => a.priority - b.priority || b.weight - a.weight || (a.host < b.host ? -1 : 1))[0]

const codeOf = (error: { readonly _tag: string; readonly cause?: unknown }): string => {
  const { cause } = error
  return cause instanceof Error && "code" in cause ? String(cause.code) : error._tag
}
