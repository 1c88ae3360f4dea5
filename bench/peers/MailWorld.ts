import { addressOf } from "./Population.ts"

/** How the users log in at Exchange. */
export const LOG_INS = ["Bearer", "Basic", "NTLM", "Certificate"] as const
export type LogInKind = (typeof LOG_INS)[number]

/** Where Exchange and the push gateway stand, and what users show to Exchange. */
export interface MailWorld {
  readonly logIn: LogInKind
  readonly users: number
  readonly ewsUrl: string
  /** PEM: the authority that vouches for Exchange. */
  readonly ca: string
  readonly gatewayUrl: string
  /** base64 PKCS#12 files of which users have one in turn; none but with `Certificate`. */
  readonly certificates: ReadonlyArray<string>
}

/** Callbacks for so many milliseconds, at `port`: one after another on each connection, or at a rate. */
export interface MailOrder {
  readonly port: number
  /** Path and query of each user's callback URL. */
  readonly targets: ReadonlyArray<string>
  readonly connections: number
  readonly milliseconds: number
  /** Callbacks a second, whether or not those before are answered; absent = as fast as they are answered. */
  readonly rate?: number | undefined
}

export interface MailResult {
  readonly mails: number
  readonly milliseconds: number
  /** That the gateway took. */
  readonly notifications: number
  /** Milliseconds from callback to `OK`, of one mail in 2 and in 100. */
  readonly p50: number
  readonly p99: number
}

/** The id of a mail of user `index`, the `sequence`th one: the user can be read off it. */
export const itemOf = (index: number, sequence: number): string =>
  `AAMkADkzNjJjODUzLWZhMDMtNDVkMS05ZDdjLWVmMDlkYjQ1Zjc4MwBGAAAAAABSSWVKrmGUTJE+u${digits(index)}m${digits(sequence)}AAA=`
export const ownerOf = (item: string): number => Number(item.slice(-25, -15))
const digits = (number: number) => String(number).padStart(10, "0")

export const PASSWORD = "Correct-horse-battery-staple-1843"
export const DOMAIN = "EXAMPLE"

/** What a user's callback URL carries: as long as the real ones, so that tokens and certificates do not fit into it. */
export const credentialsOf = ({ certificates, logIn }: MailWorld, index: number) => {
  const address = addressOf(index)
  switch (logIn) {
    case "Bearer":
      return { address, accessToken: `eyJhbGciOiJSUzI1NiJ9${index}`.padEnd(1_900, "eyJ0eXAiOiJKV1Qi") }
    case "Certificate":
      return {
        address,
        certificate: certificates[index % certificates.length]!,
        certificatePassword: PASSWORD
      }
    case "Basic":
    case "NTLM":
      return { address, username: `${DOMAIN}\\user${index}`, password: PASSWORD }
  }
}
