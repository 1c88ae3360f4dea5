import { isIP } from "node:net"
import type { SettingsShape } from "../../../schemas/Settings.ts"

/**
 * Whether a request's `Host` is one by which this console is reached: an IP address, `localhost`, `ENS_ADMIN_HOST`, or the
 * host of `ENS_PUBLIC_URL`. A page elsewhere whose name was made to lead here (DNS rebinding) has another.
 */
export const makeHostCheck = ({ adminHost, publicUrl }: Pick<SettingsShape, "adminHost" | "publicUrl">) => {
  const names = new Set(["localhost", adminHost.toLowerCase(), new URL(publicUrl).hostname.toLowerCase()])
  return (host: string | undefined): boolean => {
    const name = nameOf(host ?? "")
    return name !== undefined && (isIP(name) !== 0 || names.has(name))
  }
}

/** Without the port and the brackets of an IPv6 address; undefined if it is none. */
const nameOf = (host: string): string | undefined => {
  const parts = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+?)\.?)(?::\d{1,5})?$/i.exec(host)
  return (parts?.[1] ?? parts?.[2])?.toLowerCase()
}
