import { Either, Redacted } from "effect"
import { type HostList, makeHostList } from "./HostList.ts"

/** A proxy that connections leave through (HTTP CONNECT). */
export interface EgressProxy {
  /** A name or an address; may lie anywhere, the operator has chosen it. */
  readonly host: string
  readonly port: number
  /** `user` may be `DOMAIN\name`, for NTLM. */
  readonly logIn: Redacted.Redacted<{ readonly user: string; readonly password: string }> | undefined
  /** Hosts that are reached without it. */
  readonly bypass: HostList
}

/**
 * `http://user:password@proxy:3128` (special characters percent-encoded) and the hosts to be reached without; says what is
 * wrong with another URL, without repeating it. An `https:` proxy is not supported.
 */
export const parseEgressProxy = (
  url: Redacted.Redacted<string>,
  bypass: ReadonlyArray<string>
): Either.Either<EgressProxy, string> => {
  const parsed = URL.parse(Redacted.value(url))
  if (parsed === null || parsed.protocol !== "http:" || parsed.hostname === "") {
    return Either.left("it must look like http://proxy:3128 or http://user:password@proxy:3128")
  }
  const user = decoded(parsed.username)
  const password = decoded(parsed.password)
  if (user === undefined || password === undefined) {
    return Either.left("a % in the user name or password must be written as %25")
  }
  return Either.right({
    host: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: parsed.port === "" ? 80 : Number(parsed.port),
    logIn: user === "" ? undefined : Redacted.make({ user, password }),
    bypass: makeHostList(bypass)
  })
}

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
