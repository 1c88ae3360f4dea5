import { Either } from "effect"
import type { Credentials } from "../../schemas/Credentials.ts"

/** A value of the header `Authorization`, made right before it is sent and not kept. */
export type Authorization = string

/** Basic (RFC 7617, in UTF-8); left = why the credentials do not fit into it. */
export const basicHeader = (credentials: Credentials): Either.Either<Authorization, string> => {
  const { domain, user } = accountNameOf(credentials)
  const name = domain === "" ? user : `${domain}\\${user}`
  if (credentials.password === undefined) return Either.left("no password given")
  // The first colon ends the name (RFC 7617), so the server would read another name and password.
  if (name.includes(":")) return Either.left("user name with a colon")
  return header(`Basic ${Buffer.from(`${name}:${credentials.password}`, "utf8").toString("base64")}`)
}

/** Bearer (RFC 6750); left = why there is none. */
export const bearerHeader = ({ accessToken }: Credentials): Either.Either<Authorization, string> => {
  if (accessToken === undefined) return Either.left("no access token given")
  return /^[\x21-\x7e]+$/.test(accessToken)
    ? header(`Bearer ${accessToken}`)
    : Either.left("malformed access token")
}

/** A user's name as Windows takes it apart. */
export interface AccountName {
  /** "" if the name needs none: `ada@example.com` is one by itself. */
  readonly domain: string
  readonly user: string
}

/** The account's name: `DOMAIN\name` and `name@domain` in the user name win over the domain beside it. */
export const accountNameOf = (credentials: Credentials): AccountName => {
  const user = credentials.username || credentials.address
  const slash = user.indexOf("\\")
  if (slash >= 0) return { domain: user.slice(0, slash), user: user.slice(slash + 1) }
  return { domain: user.includes("@") ? "" : (credentials.domain ?? ""), user }
}

const header = (value: string) => Either.right<Authorization>(value)
