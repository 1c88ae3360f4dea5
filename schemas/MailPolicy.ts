import type { MailShape } from "./EwsMessage.ts"
import type { Policy } from "./Push.ts"

/** The policy that counts for a device: its own, unless the floor (`ENS_MIN_POLICY`) is stricter. */
export const effectivePolicy = (device: Policy, floor: Policy): Policy => (device < floor ? floor : device)

/** What to ask Exchange for: only what the least restrictive of these devices may show. All false = no need to ask for any. */
export const shapeFor = (policies: Iterable<Policy>): MailShape => {
  let least: Policy = 4
  for (const policy of policies) if (policy < least) least = policy
  return { sender: least <= 2, subject: least <= 1, preview: least === 0 }
}
