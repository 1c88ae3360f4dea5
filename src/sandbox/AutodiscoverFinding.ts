import type { Mailbox } from "./ExchangeMailbox.ts"
import type { ServerRelease } from "./ExchangeVersions.ts"

/** What Autodiscover has to tell; each protocol says it in its own words. */
export type Finding =
  | {
      readonly _tag: "Settings"
      readonly mailbox: Mailbox
      /** undefined: the settings contain none. */
      readonly ewsUrl: string | undefined
      /** `https://host:port` of this listener. */
      readonly origin: string
      readonly release: ServerRelease
    }
  | { readonly _tag: "RedirectAddress"; readonly address: string }
  | { readonly _tag: "RedirectUrl"; readonly url: string }
  /** Numbered as in POX. */
  | { readonly _tag: "Error"; readonly code: number }
  | { readonly _tag: "Busy" }

/** POX's numbers for what can go wrong without a script. */
export const UNKNOWN_ADDRESS = 500
export const INVALID_REQUEST = 600
