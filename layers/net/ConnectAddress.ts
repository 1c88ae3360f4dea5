import type { TlsVersion } from "../../schemas/Settings.ts"
import { reachOf } from "./AddressReach.ts"
import type { ClientIdentity } from "./ClientIdentity.ts"

/** What decides to which addresses a connection may go. */
export interface AddressRule {
  /** In the tenant's list or in `ENS_EWS_ALLOWED_HOSTS`. */
  readonly listed: boolean
  /** https. */
  readonly secure: boolean
}

/** What is known of the endpoint that a connection is for. */
export interface ConnectRule extends AddressRule {
  /**
   * SHA-256 fingerprints, lower-case hex, of which the server's certificate or its public key (SPKI) must have one, besides
   * being valid. Empty = no pins.
   */
  readonly pins: ReadonlyArray<string>
  /** The client certificate that is shown to a server that asks for one. */
  readonly identity?: ClientIdentity
  /** 1.2 if absent. 1.0 and 1.1 also let in the weak ciphers and keys of their time. */
  readonly minVersion?: TlsVersion
}

/**
 * Whether a connection may go to this IP address (contract section 3, "Where credentials may go"): unlisted hosts must
 * have a public address, plain http stays on loopback, and link-local, cloud metadata, multicast and unspecified
 * addresses are never used.
 */
export const mayConnect = (address: string, rule: AddressRule): boolean => {
  const reach = reachOf(address)
  if (reach === "never") return false
  if (!rule.secure) return rule.listed && reach === "loopback"
  return rule.listed || reach === "public"
}
