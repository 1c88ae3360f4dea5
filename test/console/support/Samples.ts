import type { Certificates, Overview, Series, Tokens, UserPage } from "../../../schemas/ConsoleApi.ts"
import { type FAULT_NAMES, faultOf } from "../../../schemas/Fault.ts"
import { userIdOfAddress } from "./UserIds.ts"

/** What a hostile app or administrator might put into a name. */
export const HOSTILE = "<img src=x onerror=\"document.title='taken'\"><b>bold</b>"
export const ADDRESS = "Alice.Wonder@example.com"
export const USER_ID = userIdOfAddress(ADDRESS)

const MINUTE = 60_000
const HOUR = 60 * MINUTE

export const overview = (at: number): Overview => ({
  at,
  version: "1.0.0",
  instanceId: "7c9e6679-7425-40de-944b-e07fc1f90ae7",
  host: "ens-1.example.com",
  uptime: 273_480,
  ready: true,
  role: "active",
  database: "SQL Server",
  storage: "reachable",
  logLevel: "info",
  subscriptions: {
    None: 3,
    Subscribing: 1,
    Unconfirmed: 12,
    Active: 14_302,
    Overdue: 37,
    Lost: 4,
    CredentialsExpired: 0,
    CredentialsRejected: 2,
    Blocked: 0,
    Parked: 0
  },
  rates: { callbacks: 15.9, mails: 2.34, registrations: 0.05, pushes: 3.1 },
  gateways: [
    {
      gateway: "cns",
      up: true,
      stalled: false,
      waiting: 0,
      oldestWaiting: null,
      lastError: null,
      lastErrorAt: null,
      verdicts: { delivered: 1_204_551, tokenDead: 211, retryLater: 96, rejected: 3, gatewayDown: 0 }
    },
    {
      gateway: "apns",
      up: false,
      stalled: false,
      waiting: 214,
      oldestWaiting: at - 7 * MINUTE,
      lastError: "connect ETIMEDOUT 17.188.143.34:443",
      lastErrorAt: at - 20_000,
      verdicts: { delivered: 40_001, tokenDead: 20, retryLater: 4, rejected: 0, gatewayDown: 630 }
    }
  ],
  hosts: [
    host("mail.example.com", at, { calls: 48_211, errors: {} }),
    host("exchange-2.very-long-subdomain.branch-office.example.com", at, {
      calls: 1_250,
      up: false,
      errors: { EwsUnauthorized: 17, EwsUnreachable: 3 },
      lastError: `401 from ${HOSTILE}`
    })
  ],
  outbox: { entries: 214, oldest: at - 7 * MINUTE },
  poolKeys: 512,
  eventLoop: { p99Milliseconds: 12.4, longestMilliseconds: 88 },
  residentBytes: 446_000_000,
  troubles: [
    trouble("gateway-down", "apns", "connect ETIMEDOUT 17.188.143.34:443; 214 notifications wait", at, 630),
    trouble("exchange-log-in-refused", "exchange-2.example.com", `401, says ${HOSTILE}`, at, 1)
  ]
})

/** The same with nothing amiss. */
export const wellOverview = (at: number): Overview => ({ ...overview(at), troubles: [] })

const trouble = (
  fault: (typeof FAULT_NAMES)[number],
  where: string,
  what: string,
  at: number,
  count: number
) => ({
  fault,
  ...faultOf(fault),
  where,
  what,
  since: at - 42 * MINUTE,
  last: at - 20_000,
  count
})

type Host = Overview["hosts"][number]
const host = (name: string, at: number, more: Partial<Host>): Host => ({
  host: name,
  up: true,
  calls: 0,
  errors: {},
  medianMilliseconds: 18.4,
  p95Milliseconds: 133.7,
  lastError: null,
  lastErrorAt: more.lastError === undefined ? null : at - 3 * MINUTE,
  ...more
})

const POINTS = 360
const wave = (mean: number, swing: number) =>
  Array.from({ length: POINTS }, (_, i) =>
    i > 200 && i < 212 ? null : Math.max(0, mean + swing * Math.sin(i / 21) + (swing / 3) * Math.sin(i * 1.7))
  )

export const series = (at: number): Series => ({
  step: 10,
  at: Array.from({ length: POINTS }, (_, i) => at - (POINTS - 1 - i) * 10_000),
  lines: [
    { name: "callbacks", unit: "1/s", values: wave(15, 4) },
    { name: "mails", unit: "1/s", values: wave(2.2, 1) },
    { name: "pushes", unit: "1/s", values: wave(3.3, 1.5) },
    { name: "pushFailures", unit: "1/s", values: wave(-0.4, 1) },
    { name: "ewsMedianMilliseconds", unit: "ms", values: wave(18, 6) },
    { name: "ewsErrors", unit: "1/s", values: wave(0, 0.1) },
    { name: "eventLoopMilliseconds", unit: "ms", values: wave(12, 3) },
    { name: "outboxOldest", unit: "s", values: wave(200, 190) },
    { name: "subscriptions", unit: "", values: wave(14_300, 20) }
  ]
})

export const userPage = (at: number): typeof UserPage.Type => ({
  userId: USER_ID,
  users: [
    {
      tenant: "default",
      user: USER_ID,
      state: "Overdue",
      stateSince: at - 48 * MINUTE,
      advice: "Exchange has not called for 48 minutes; the app has been asked to register again.",
      createdAt: at - 90 * 24 * HOUR,
      subscribedAt: at - 6 * HOUR,
      lastHeard: at - 78 * MINUTE,
      generation: 4,
      ewsHost: "mail.example.com",
      exchangeVersion: "Exchange2016",
      authType: "Basic",
      tokenExpiresAt: null,
      unread: 17,
      waiting: 1,
      devices: [
        device(1, "iOS", at),
        { ...device(2, "Android", at), bundleId: HOSTILE, nudgedAt: at - 18 * MINUTE }
      ],
      events: [
        { at: at - 5 * MINUTE, kind: "admin", detail: "test notification sent", times: 1 },
        { at: at - 18 * MINUTE, kind: "nudge", detail: "overdue", times: 2, since: at - 48 * MINUTE },
        { at: at - 48 * MINUTE, kind: "state", detail: "Overdue: no callback for 30 min", times: 1 },
        { at: at - 78 * MINUTE, kind: "heartbeat", detail: "", times: 12, since: at - 258 * MINUTE },
        { at: at - 80 * MINUTE, kind: "mail", detail: "delivered to 2 devices", times: 3 },
        { at: at - 4 * HOUR, kind: "error", detail: `exchange-log-in-refused: ${HOSTILE}`, times: 1 },
        { at: at - 6 * HOUR, kind: "subscribed", detail: "mail.example.com, generation 4", times: 1 },
        { at: at - 6 * HOUR - 900, kind: "registration", detail: "UserSubscribed", times: 1 },
        { at: at - 30 * HOUR, kind: "device", detail: "Android got a new push token", times: 1 }
      ],
      deadLetters: [{ at: at - 2 * HOUR, what: "new mail, iOS", reason: "tokenDead: 410 Unregistered" }]
    }
  ]
})

const device = (id: number, platform: string, at: number) => ({
  device: id,
  platform,
  bundleId: "com.example.mail",
  policy: 1,
  environment: "production",
  registeredAt: at - 6 * HOUR,
  seenAt: at - 5 * HOUR,
  nudgedAt: null,
  tokenDigest: "9f86d081"
})

export const tokens = (at: number): typeof Tokens.Type => ({
  tokens: [
    {
      ...{ id: "1", tenant: "default", label: "phones", createdAt: at - 400 * 24 * HOUR, ewsUrls: [] },
      ...{ lastUsedAt: at - 3 * MINUTE, replacedAt: at - 25 * 24 * HOUR, expiresAt: at + 5 * 24 * HOUR }
    },
    {
      id: "2",
      tenant: "branch",
      label: HOSTILE,
      createdAt: at - 3 * HOUR,
      lastUsedAt: null,
      replacedAt: null,
      expiresAt: null,
      ewsUrls: ["https://mail.example.com/EWS/Exchange.asmx", "https://mail2.example.com/EWS/Exchange.asmx"]
    }
  ],
  adminTokens: [
    {
      ...{ id: "admin-1", label: "night shift", createdAt: at - 40 * 24 * HOUR },
      ...{ lastUsedAt: at - 2 * HOUR, replacedAt: at - 25 * HOUR, expiresAt: at - HOUR }
    },
    {
      ...{ id: "admin-2", label: "day shift", createdAt: at - 25 * HOUR },
      ...{ lastUsedAt: at - 2 * HOUR, replacedAt: null, expiresAt: null }
    }
  ]
})

export const certificates = (at: number): typeof Certificates.Type => ({
  expiries: [
    { what: "CNS client certificate", at: at + 3.5 * 24 * HOUR, days: 3.5, soon: true },
    { what: "own TLS certificate", at: at + 24 * 24 * HOUR, days: 24, soon: true },
    { what: "APNs key", at: null, days: null, soon: false },
    { what: "SQL Server's certificate", at: at + 400 * 24 * HOUR, days: 400, soon: false }
  ],
  pins: [{ of: "cns.example.com", fingerprint: `${"5e:".repeat(31)}a0`, from: "ens pin add" }]
})
