import { Either } from "effect"
import type { AuthType, Credentials } from "../../schemas/Credentials.ts"
import type { PasswordAuth } from "../../schemas/Settings.ts"

/**
 * How a request says who sends it: by a header of its own (`Basic`, `Bearer`), by a dialogue that then holds for the
 * connection (`NTLM`, and `Negotiate`, which is NTLM inside of SPNEGO), or by the client certificate alone (`TLS`).
 */
export type Scheme = "Basic" | "Bearer" | "NTLM" | "Negotiate" | "TLS"

/** What a caller has to log in with. */
export interface Means {
  readonly by: "password" | "token" | "certificate"
  /** A client certificate is shown in the TLS handshake. */
  readonly certificate: boolean
}

/** What the credentials give for their type; left = what they lack. */
export const meansOf = (authType: AuthType, credentials: Credentials): Either.Either<Means, string> => {
  const certificate = authType === "Certificate" || authType === "Dual"
  if (certificate && credentials.certificate === undefined) return Either.left("no certificate given")
  const has = (by: Means["by"]) => Either.right<Means>({ by, certificate })
  switch (authType) {
    case "Certificate":
      return has("certificate")
    case "Basic":
      return credentials.password === undefined ? Either.left("no password given") : has("password")
    case "OAuth":
      return credentials.accessToken === undefined ? Either.left("no access token given") : has("token")
    case "Dual":
      if (credentials.accessToken !== undefined) return has("token")
      return credentials.password === undefined
        ? Either.left("neither password nor access token given")
        : has("password")
  }
}

/** What the choice of a scheme depends on. */
export interface Situation {
  readonly means: Means
  /** `ENS_EWS_PASSWORD_AUTH` for the host. */
  readonly setting: PasswordAuth
  /** https. */
  readonly secure: boolean
  /** A Secure Email Gateway stands there. */
  readonly seg: boolean
  /** Schemes in the server's last 401 to nobody in particular; undefined = it was not asked yet. */
  readonly offered: ReadonlyArray<string> | undefined
}

export type LogInChoice =
  | { readonly _tag: "Use"; readonly scheme: Scheme }
  /** A request without password must find out what the server offers. */
  | { readonly _tag: "Ask" }
  /** `reason`: what is on offer, and what would fit. */
  | { readonly _tag: "Refuse"; readonly reason: string }

/**
 * Which way to log in. Tokens and certificates leave no choice. A password goes where, and how, the server asks for it: in
 * a Basic header rather than by NTLM, unless the operator says otherwise; by NTLM only over TLS, and never through a
 * Secure Email Gateway, which cannot carry it.
 */
export const chooseLogIn = (situation: Situation): LogInChoice => {
  const { means, secure } = situation
  if (means.certificate && !secure) return refuse("a client certificate needs an https URL")
  switch (means.by) {
    case "token":
      return use("Bearer")
    case "certificate":
      return use("TLS")
    case "password":
      return choosePasswordScheme(situation)
  }
}

/** Whether the server, by what it offers, has not even looked at what was sent by this scheme. */
export const isIgnored = (scheme: Scheme, offered: ReadonlyArray<string>): boolean =>
  offered.length > 0 && !offers(offered, scheme)

const choosePasswordScheme = ({ offered, secure, seg, setting }: Situation): LogInChoice => {
  if (setting === "basic") return use("Basic")
  if (setting === "ntlm" && !seg) {
    if (!secure) return refuse("ENS_EWS_PASSWORD_AUTH asks for NTLM, which is used over https only")
    if (offered === undefined || offers(offered, "NTLM")) return use("NTLM")
    return offers(offered, "Negotiate")
      ? use("Negotiate")
      : refuse(`it offers ${listed(offered)}; ENS_EWS_PASSWORD_AUTH asks for NTLM, set it to auto`)
  }
  if (offered === undefined) return { _tag: "Ask" }
  if (offers(offered, "Basic")) return use("Basic")
  const windows = (["NTLM", "Negotiate"] as const).find((scheme) => offers(offered, scheme))
  if (windows === undefined) return refuse(`it offers ${listed(offered)}; ${adviceFor(offered)}`)
  if (seg) {
    return refuse(
      `it offers ${listed(offered)}, but a Secure Email Gateway carries no NTLM; enable Basic there`
    )
  }
  return secure ? use(windows) : refuse(`it offers ${listed(offered)}; NTLM is used over https only`)
}

const adviceFor = (offered: ReadonlyArray<string>): string => {
  if (offered.length === 0) return "check the EWS URL"
  const fitting = offers(offered, "Bearer") ? "register with auth type OAuth, or " : ""
  return `for passwords ${fitting}enable Basic or NTLM there`
}

const offers = (offered: ReadonlyArray<string>, scheme: Scheme): boolean =>
  offered.some((one) => one.toLowerCase() === scheme.toLowerCase())

const listed = (offered: ReadonlyArray<string>) => offered.join(", ") || "no way to log in"
const use = (scheme: Scheme): LogInChoice => ({ _tag: "Use", scheme })
const refuse = (reason: string): LogInChoice => ({ _tag: "Refuse", reason })
