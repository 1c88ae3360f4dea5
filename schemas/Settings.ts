import { Context, type Redacted } from "effect"
import type { Policy } from "./Push.ts"

/** Exchange takes callback URLs under 2,000 characters; the rest is for the user's number, `f` and `s`. */
export const PUBLIC_URL_MAX = 1_800

export type GatewayName = "cns" | "sns" | "fcm" | "apns" | "log"

/** `auto`: what the server offers decides, Basic before NTLM. */
export type PasswordAuth = "auto" | "basic" | "ntlm"

export type TlsVersion = "1.0" | "1.1" | "1.2" | "1.3"

/** A value for some hosts (names in lower case), and one for all others. */
export interface PerHost<A> {
  readonly otherwise: A
  readonly hosts: ReadonlyMap<string, A>
}

/** A value for some apps (by bundle id), and one for all others. */
export interface PerApp {
  readonly otherwise: string | undefined
  readonly apps: ReadonlyMap<string, string>
}

export interface CnsSettings {
  readonly url: string
  /** Absolute path of the console's `config.xml`, which holds the certificate. */
  readonly configFile: string | undefined
  /** Absolute path of a PKCS#12 file. */
  readonly certFile: string | undefined
  readonly certPassword: Redacted.Redacted<string> | undefined
  /** SHA-256 fingerprints, lower-case hex, of the certificate or its public key. */
  readonly pins: ReadonlyArray<string>
  readonly proxyUrl: Redacted.Redacted<string> | undefined
  /** Absolute path of a PEM file. */
  readonly caFile: string | undefined
  /** How the `Authorization` header is written: what stands between `CMSURL` and the signature, and the digest. */
  readonly cms: { readonly separator: string; readonly digest: "sha1" | "sha256" }
}

export interface SnsSettings {
  readonly region: string | undefined
  /** Another address than AWS's own. */
  readonly endpoint: string | undefined
  /** ARNs of platform applications. */
  readonly ios: PerApp
  readonly android: PerApp
}

export interface FcmSettings {
  /** Absolute path of a service account's JSON. */
  readonly serviceAccountFile: string | undefined
  /** Another address than Google's own (https). */
  readonly endpoint: string | undefined
}

export interface ApnsSettings {
  /** Absolute paths of .p8 files. */
  readonly keyFile: PerApp
  readonly keyId: PerApp
  readonly teamId: PerApp
  /** Another host than Apple's own, for both environments. */
  readonly host: string | undefined
  readonly port: number
}

/** `count` in `per` milliseconds on average, up to `burst` at once. */
export interface Rate {
  readonly count: number
  readonly per: number
  readonly burst: number
}

/** What strangers and mistaken apps may cost at most; undefined = no limit. Callbacks of Exchange's own are not concerned. */
export interface LimitSettings {
  /** Requests from one source address. */
  readonly address: Rate | undefined
  /** Requests from one source address that are refused: no or an unknown token, unusable, unknown path, forged callbacks. */
  readonly failed: Rate | undefined
  /** Requests with one API token. */
  readonly token: Rate | undefined
  /** Requests about one user, counted for each endpoint. */
  readonly user: Rate | undefined
  /** Users of one tenant that are made known and not registered. */
  readonly newUsers: Rate | undefined
  /** Registrations under way at once. */
  readonly registrations: number
  /** Connections to the public listener: of all, and of one source address that is no trusted proxy. */
  readonly connections: number
  readonly addressConnections: number
  /** New connections from one source address that is no trusted proxy, where the listener speaks TLS. */
  readonly handshakes: Rate | undefined
}

/** Whose requests need a client certificate. */
export type ClientAuth = "off" | "callbacks" | "devices" | "all"

/** How the public listener speaks TLS. Without certificate files it speaks plain HTTP. */
export interface TlsSettings {
  /** Absolute paths of PEM files. */
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  /** Absolute path of a PKCS#12 file, instead of the two. */
  readonly pfxFile: string | undefined
  readonly pfxPassword: Redacted.Redacted<string> | undefined
  readonly minVersion: TlsVersion
  /** Absolute path of a PEM file: who signs the client certificates that `clientAuth` asks for. */
  readonly clientCaFile: string | undefined
  readonly clientAuth: ClientAuth
}

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
  readonly tls: TlsSettings
  /** Addresses and CIDRs of proxies whose word for the source address counts. */
  readonly trustedProxies: ReadonlyArray<string>
  readonly limits: LimitSettings
  /** Addresses and CIDRs from which callbacks may come; empty = from everywhere. */
  readonly callbackSources: ReadonlyArray<string>
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
  /** Asked before what a domain's name suggests; a listed host, or https on port 443. */
  readonly autodiscoverUrls: ReadonlyArray<string>
  /** Absolute path of a PEM file of authorities that are trusted besides the known ones. */
  readonly ewsCaFile: string | undefined
  /** `http://user:password@proxy:3128`; a user `DOMAIN\\name` may be percent-encoded. */
  readonly ewsProxyUrl: Redacted.Redacted<string> | undefined
  /** Hosts (names, CIDRs) that are reached without the proxy. */
  readonly ewsProxyBypass: ReadonlyArray<string>
  /** How a password is used: by host, else `otherwise`. */
  readonly ewsPasswordAuth: PerHost<PasswordAuth>
  /** Hosts in front of which something else ends TLS: NTLM goes out without channel binding. */
  readonly ewsNoChannelBinding: ReadonlyArray<string>
  /** For listed hosts; others must speak 1.2. */
  readonly ewsTlsMinVersion: TlsVersion
  /** Secure Email Gateways (names, CIDRs). */
  readonly segHosts: ReadonlyArray<string>
  readonly segDeviceHeader: string
  readonly segCheck: "device" | "user"
  readonly keyPool: { readonly batch: number; readonly threshold: number; readonly interval: number }
  /** A user's keys that are older are replaced; undefined = never. */
  readonly userKeyMaxAge: number | undefined
  /** How long is kept what nobody uses any more; undefined = for ever. */
  readonly retain: {
    /** Devices whose app was not heard of. */
    readonly devices: number | undefined
    /** Users whose subscription is lost. */
    readonly lost: number | undefined
    /** What happened: histories of users, dead letters. */
    readonly events: number | undefined
  }
  readonly push: { readonly ios: GatewayName; readonly android: GatewayName }
  readonly pushLogFile: string | undefined
  readonly cns: CnsSettings
  readonly sns: SnsSettings
  readonly fcm: FcmSettings
  readonly apns: ApnsSettings
  readonly textNewMessage: string
  /** With `%d` for the number. */
  readonly textNewMessages: string
  readonly log: {
    readonly format: "pretty" | "json" | "ens2"
    readonly level: "trace" | "debug" | "info" | "warning" | "error"
    readonly file: string | undefined
  }
  /** When the log file is put aside and a new one begun. undefined = never for that reason. */
  readonly logRotation: {
    /** Bytes. */
    readonly size: number | undefined
    /** Milliseconds. */
    readonly age: number | undefined
    /** So many files that were put aside are kept. */
    readonly keep: number
  }
  /** Absolute path of the file to which audit events are appended, besides the log. */
  readonly auditFile: string | undefined
  /** Whether a crash may leave memory behind, as a core dump, heap snapshot or report. */
  readonly crashDumps: "on" | "off"
  /** The console on the admin listener. */
  readonly console: "on" | "off"
  readonly otel: OtelSettings
}

/** What is sent to an OpenTelemetry collector (OTLP over HTTP). */
export interface OtelSettings {
  /** Base URL; undefined = nothing is sent. */
  readonly endpoint: string | undefined
  /** `name=value,…`, values percent-encoded, as OpenTelemetry has it. */
  readonly headers: Redacted.Redacted<string> | undefined
  readonly serviceName: string
  readonly resourceAttributes: Readonly<Record<string, string>>
  /** The share of activities whose traces are sent, 0 to 1. */
  readonly sampled: number
}

export class Settings extends Context.Tag("ens/Settings")<Settings, SettingsShape>() {}
