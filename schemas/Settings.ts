import { Context, type Redacted } from "effect"
import type { Policy } from "./Push.ts"

/** Exchange takes callback URLs under 2,000 characters; the rest is for the user's number, `f` and `s`. */
export const PUBLIC_URL_MAX = 1_800

export type GatewayName = "cns" | "sns" | "fcm" | "apns" | "log"

/**
 * Every setting of a running ENS, already validated (contract section 5). Read once, by `src/Config.ts`; durations are
 * milliseconds.
 */
export interface SettingsShape {
  readonly host: string
  readonly port: number
  readonly adminHost: string
  readonly adminPort: number
  /** What Exchange calls back, with path, without trailing slash; at most `PUBLIC_URL_MAX` characters. */
  readonly publicUrl: string
  readonly basePaths: ReadonlyArray<string>
  readonly environmentType: string
  /** Absolute path. */
  readonly dataDir: string
  readonly databaseUrl: Redacted.Redacted<string>
  /** Absolute path of the master key's file, or the key itself (base64 of 32 bytes). */
  readonly masterKey: { readonly file: string } | { readonly value: Redacted.Redacted<string> }
  /** Minutes; may be a fraction (for rehearsal). Exchange is told at least 1. */
  readonly statusFrequencyMinutes: number
  readonly heartbeatCheckMinutes: number
  readonly webhookCredentials: "sealed" | "rsa"
  readonly callbackDeadline: number
  readonly callbackHeldMax: number
  /** Silent pushes and outbox flushes a second. */
  readonly renewRate: number
  readonly minPolicy: Policy
  /** Host names and CIDRs. */
  readonly ewsAllowedHosts: ReadonlyArray<string>
  readonly keyPool: { readonly batch: number; readonly threshold: number; readonly interval: number }
  readonly push: { readonly ios: GatewayName; readonly android: GatewayName }
  readonly pushLogFile: string | undefined
  readonly cnsUrl: string
  readonly textNewMessage: string
  /** With `%d` for the number. */
  readonly textNewMessages: string
  readonly log: {
    readonly format: "pretty" | "json" | "ens2"
    readonly level: "trace" | "debug" | "info" | "warning" | "error"
    readonly file: string | undefined
  }
}

export class Settings extends Context.Tag("ens/Settings")<Settings, SettingsShape>() {}
