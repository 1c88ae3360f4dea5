import type { Redacted } from "effect"
import type { CnsCertificate } from "../../layers/push/CnsCertificate.ts"

/** What `ens init` was asked for, by flags or in the wizard; all of it was read and checked. */
export interface InitPlan {
  /** For the new config file, by the names of the environment variables. */
  readonly settings: Readonly<Record<string, string>>
  /** The same for what the config file holds sealed by the master key. */
  readonly secrets: Readonly<Record<string, Redacted.Redacted<string>>>
  /** The config file to make; undefined: none, settings come from where they come from already. */
  readonly writeConfig: string | undefined
  readonly certificate: CnsCertificate | undefined
  readonly ewsUrl: string | undefined
  /** RSA keys to make ahead, so that the first phones do not wait. */
  readonly keys: number
}
