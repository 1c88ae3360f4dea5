import { reachOf } from "../../layers/net/AddressReach.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"

/**
 * What is to be said of an admin listener that other machines can reach: whoever sees that traffic has the console's token.
 * undefined: it stays on this machine.
 */
export const plainHttpTo = ({
  adminHost,
  adminPort
}: Pick<SettingsShape, "adminHost" | "adminPort">): string | undefined =>
  adminHost.toLowerCase() === "localhost" || reachOf(adminHost) === "loopback"
    ? undefined
    : `other machines reach it on ${adminHost}:${adminPort} by plain HTTP, in which admin tokens can be read on the way; set ENS_ADMIN_HOST to 127.0.0.1 and put a proxy with TLS in front, or let only administrators and monitoring reach that port`
