import { Schema } from "effect"
import type { Directory } from "./ExchangeDirectory.ts"
import { RedirectStatus } from "./ExchangeFaults.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import type { PushSender } from "./ExchangePush.ts"
import type { Timers } from "./Timers.ts"

/** The listeners of one organisation: `main`, and perhaps `other`. */
export type SiteName = "main" | "other"

/** How a mailbox moves. */
export const Move = Schema.Struct({
  /** Seconds of ErrorMailboxMoveInProgress before it is done. */
  seconds: Schema.optionalWith(Schema.Number.pipe(Schema.nonNegative()), { default: () => 0 }),
  /** What the old listener does with requests afterwards. */
  afterwards: Schema.optionalWith(Schema.Literal("redirect", "proxy"), {
    default: () => "redirect" as const
  }),
  status: Schema.optionalWith(RedirectStatus, { default: () => 302 as const }),
  /** How its subscriptions end: with an error callback, or without a word. */
  subscriptions: Schema.optionalWith(Schema.Literal("error", "silence"), { default: () => "error" as const })
})
export type Move = typeof Move.Type

/** Why a mailbox is not served here and now: it is on its way, or this listener sends elsewhere. */
export type Detour = "moving" | { readonly status: number; readonly to: SiteName }

/**
 * Moves mailboxes: to the other listener and back, or, if there is only one, to another database behind the same URL.
 * Folders and mails get new ids, watermarks become invalid, subscriptions are lost.
 */
export class Moves {
  readonly #directory: Directory
  readonly #push: PushSender
  readonly #timers: Timers
  readonly #hasOther: boolean
  readonly #moving = new Set<Mailbox>()
  readonly #homes = new Map<Mailbox, { readonly site: SiteName; readonly move: Move }>()

  constructor(directory: Directory, push: PushSender, timers: Timers, hasOther: boolean) {
    this.#directory = directory
    this.#push = push
    this.#timers = timers
    this.#hasOther = hasOther
  }

  begin(mailbox: Mailbox, move: Move): void {
    this.#moving.add(mailbox)
    if (move.seconds === 0) this.#finish(mailbox, move)
    else this.#timers.after(move.seconds * 1000, () => this.#finish(mailbox, move))
  }

  /** The listener whose URL Autodiscover gives for this mailbox. */
  homeOf(mailbox: Mailbox): SiteName {
    return this.#homes.get(mailbox)?.site ?? "main"
  }

  /** undefined: served at this listener. */
  detour(mailbox: Mailbox, at: SiteName): Detour | undefined {
    if (this.#moving.has(mailbox)) return "moving"
    const home = this.#homes.get(mailbox)
    return home === undefined || home.site === at || home.move.afterwards === "proxy"
      ? undefined
      : { status: home.move.status, to: home.site }
  }

  #finish(mailbox: Mailbox, move: Move): void {
    if (move.subscriptions === "error") this.#push.breakDown(mailbox, "ErrorReadEventsFailed")
    else this.#push.forget(mailbox)
    this.#directory.rehome(mailbox)
    this.#moving.delete(mailbox)
    if (!this.#hasOther) return
    this.#homes.set(mailbox, { site: this.homeOf(mailbox) === "main" ? "other" : "main", move })
  }
}
