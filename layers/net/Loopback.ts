import { reachOf } from "./AddressReach.ts"

/**
 * Whether only this machine can be meant by the URL's host: a loopback address, or `localhost`. Names below `localhost`
 * are not counted, because some resolvers ask the network about them.
 */
export const isLoopback = ({ hostname }: URL): boolean =>
  hostname === "localhost" || reachOf(hostname.replace(/^\[|\]$/g, "")) === "loopback"
