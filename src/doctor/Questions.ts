import type { Redacted } from "effect"
import type { AuthType, RedactedCredentials } from "../../schemas/Credentials.ts"

/** What `ens doctor` is asked to look at. */
export interface Questions {
  /** Settings in a JSON file; the environment wins over it. */
  readonly configFile: string | undefined
  /** The mailbox to try Autodiscover and EWS with. */
  readonly mailbox: MailboxQuestion | undefined
  /** Whose EWS list holds, by name; undefined = the only one, or `default`. */
  readonly tenant: string | undefined
  /** The token that phones show. */
  readonly apiToken: Redacted.Redacted<string> | undefined
  /** Nothing is asked of other machines. */
  readonly offline: boolean
}

/** A mailbox, and what there is to log in with. */
export interface MailboxQuestion {
  readonly credentials: RedactedCredentials
  readonly authType: AuthType
  /** Without, only what anybody may ask is asked. */
  readonly hasLogIn: boolean
  /** UEM id of a device, which a Secure Email Gateway has to vouch for. */
  readonly deviceId: string | undefined
  /** As the app's profile has it. */
  readonly ewsUrl: string | undefined
}
