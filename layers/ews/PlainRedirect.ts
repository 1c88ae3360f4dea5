import { Context, type Effect } from "effect"

/**
 * Where a plain-HTTP address points to. Nothing but a GET with a Host header goes out: no credentials, no cookie, no
 * address. Whatever comes back may have been written by anybody on the way, and only its Location is read.
 */
export class PlainRedirect extends Context.Tag("ens/PlainRedirect")<
  PlainRedirect,
  {
    /**
     * The Location of an HTTP redirect; undefined if there is none, whatever the reason. `listed`: the host may have a
     * private address. Not longer than the milliseconds given.
     */
    readonly locationOf: (url: string, listed: boolean, timeout: number) => Effect.Effect<string | undefined>
  }
>() {}
