import { reachOf } from "./AddressReach.ts"

/** What is known of the endpoint that a connection is for. */
export interface ConnectRule {
  /** In the tenant's list or in `ENS_EWS_ALLOWED_HOSTS`. */
  readonly listed: boolean
  /** https. */
  readonly secure: boolean
}

/**
 * Whether a connection may go to this IP address (contract section 3, "Where credentials may go"): unlisted hosts must
 * have a public address, plain http stays on loopback, and link-local, cloud metadata, multicast and unspecified
 * addresses are never used.
 */
export const mayConnect = (address: string, rule: ConnectRule): boolean => {
  const reach = reachOf(address)
  if (reach === "never") return false
  if (!rule.secure) return rule.listed && reach === "loopback"
  return rule.listed || reach === "public"
}
