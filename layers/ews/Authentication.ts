import { Either, Redacted } from "effect"
import { EwsRefused } from "../../schemas/EwsError.ts"
import type { CallSite } from "./EwsErrors.ts"
import type { Caller } from "./HttpSessions.ts"

/**
 * How a call logs in. A header is all that Basic and Bearer need; NTLM will add a variant for a dialogue on one connection
 * (a call has its connection to itself) and certificates one for the TLS handshake.
 */
export interface LogIn {
  readonly _tag: "Header"
  readonly authorization: Redacted.Redacted<string>
}

/** What the credentials give for their type; `EwsRefused` if they lack something, or the type cannot be served yet. */
export const logIn = (
  site: CallSite,
  account: Pick<Caller, "authType" | "credentials">
): Either.Either<LogIn, EwsRefused> => {
  const refuse = (responseCode: string) => Either.left(new EwsRefused({ ...site, responseCode, status: 0 }))
  const credentials = Redacted.value(account.credentials)
  switch (account.authType) {
    case "Basic": {
      const user = credentials.username || credentials.address
      const name = credentials.domain ? `${credentials.domain}\\${user}` : user
      if (credentials.password === undefined) return refuse("no password given")
      // The first colon ends the name (RFC 7617), so the server would read another name and password.
      if (name.includes(":")) return refuse("user name with a colon")
      return header(`Basic ${Buffer.from(`${name}:${credentials.password}`, "utf8").toString("base64")}`)
    }
    case "OAuth": {
      const { accessToken } = credentials
      if (accessToken === undefined) return refuse("no access token given")
      return /^[\x21-\x7e]+$/.test(accessToken)
        ? header(`Bearer ${accessToken}`)
        : refuse("malformed access token")
    }
    case "Certificate":
    case "Dual":
      return refuse(`log-in with ${account.authType} is not supported yet`)
  }
}

const header = (value: string) => Either.right<LogIn>({ _tag: "Header", authorization: Redacted.make(value) })
