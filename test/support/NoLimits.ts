import type { LimitSettings } from "../../schemas/Settings.ts"

/** For tests about something else. */
export const NO_LIMITS: LimitSettings = {
  address: undefined,
  failed: undefined,
  token: undefined,
  user: undefined,
  newUsers: undefined,
  registrations: 100_000,
  connections: 1_000_000,
  addressConnections: 1_000_000,
  handshakes: undefined
}
