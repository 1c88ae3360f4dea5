import { DatabaseSync } from "node:sqlite"
import { Effect, type Scope } from "effect"
import type { FaultName } from "../../schemas/Fault.ts"
import type { DeviceOptions } from "../../src/sandbox/Device.ts"
import { ALICE, within } from "../e2e/Rehearsal.ts"
import * as TestCertificate from "../support/TestCertificate.ts"
import type { Plan, Stage } from "./Stage.ts"

/** Something that goes wrong at a running service, and what everybody has to call it. */
export interface Injected {
  readonly name: string
  readonly fault: FaultName
  /** What has it. */
  readonly where: RegExp
  readonly plan: Plan | (() => Plan)
  /** Makes it show, once the service runs. */
  readonly strike: (stage: Stage) => Effect.Effect<unknown, unknown, Scope.Scope>
  /** Cause and cure in the one line of the log that is for the administrator. */
  readonly told: RegExp
  /** What the administrator gives `ens doctor` besides the settings. */
  readonly doctor?: (stage: Stage) => ReadonlyArray<string>
  /** `ens doctor` finds it by itself, not only from what the service reports. */
  readonly isFoundByDoctor: boolean
}

const HOST = /^127\.0\.0\.1:\d+$/
const DOMAIN = "wonderland.invalid"

const registers =
  (more: Partial<DeviceOptions> = {}) =>
  (stage: Stage) =>
    Effect.flatMap(stage.phone(more), (device) => device.register())

/** A phone that gets mails, until `then`. */
const registered = (stage: Stage, then: Effect.Effect<unknown, unknown, Scope.Scope>) =>
  Effect.zipRight(registers()(stage), then)

const mailbox =
  (password = ALICE.password, address = ALICE.address) =>
  ({ secret }: Stage) => ["--email", address, "--password-file", secret("password", password)]

const MINUTE = 600

const selfSigned = () => TestCertificate.make("127.0.0.1")

export const INJECTED: ReadonlyArray<Injected> = [
  {
    name: "a wrong API token",
    told: /^unknown API token at device API: .*; compare ENSAPIToken/,
    fault: "api-token-unknown",
    where: /^device API$/,
    plan: {},
    strike: registers({ apiToken: "ens_this-token-was-never-made-by-anybody" }),
    doctor: ({ secret }) => [
      "--api-token-file",
      secret("api-token", "ens_this-token-was-never-made-by-anybody")
    ],
    isFoundByDoctor: true
  },
  {
    name: "a wrong EWS URL",
    told: /something that is not EWS .*; check the EWS URL/,
    fault: "ews-url-wrong",
    where: HOST,
    plan: { ewsUrl: (right) => right.replace("Exchange.asmx", "Exchnage.asmx") },
    strike: registers({}),
    doctor: mailbox(),
    isFoundByDoctor: true
  },
  {
    name: "a log-in that Exchange refuses (401)",
    told: /refused user name and password \(401\); check them/,
    fault: "exchange-log-in-refused",
    where: HOST,
    plan: {},
    strike: registers({ login: { username: ALICE.address, password: "Off-with-her-head" } }),
    doctor: mailbox("Off-with-her-head"),
    isFoundByDoctor: true
  },
  {
    name: "EWS that is forbidden for the user (403)",
    told: /forbids EWS for this user \(403\); check EWSEnabled/,
    fault: "exchange-forbids-ews",
    where: HOST,
    plan: {},
    strike: (stage) =>
      Effect.zipRight(stage.exchange.addFault({ kind: "status", status: 403 }), registers()(stage)),
    doctor: mailbox(),
    isFoundByDoctor: true
  },
  {
    name: "Autodiscover that is missing",
    told: /Autodiscover service couldn't be located\..*; make autodiscover\.<domain> resolve/,
    fault: "autodiscover-missing",
    where: new RegExp(`^${DOMAIN}$`),
    plan: { ewsUrl: () => null },
    strike: registers({ address: `alice@${DOMAIN}` }),
    doctor: mailbox(ALICE.password, `alice@${DOMAIN}`),
    isFoundByDoctor: true
  },
  {
    name: "a broken TLS chain",
    told: /certificate is self-signed.*; check the server's certificate and its chain/,
    fault: "certificate-not-trusted",
    where: HOST,
    plan: () => ({ exchange: { tls: selfSigned() } }),
    strike: registers({}),
    doctor: mailbox(),
    isFoundByDoctor: true
  },
  {
    name: "a certificate that is not the pinned one",
    told: /is not one of the pinned ones\); if the change is intended, pin the new one/,
    fault: "pin-mismatch",
    where: HOST,
    plan: () => {
      const tls = selfSigned()
      return {
        exchange: { tls },
        pins: ["0".repeat(64)],
        authority: tls.cert
      }
    },
    strike: registers({}),
    doctor: mailbox(),
    isFoundByDoctor: true
  },
  {
    name: "CNS that does not know our certificate (401, code 2007)",
    told: /^Push gateway cns is down: .*code 2007\).*; import the certificate/,
    fault: "gateway-log-in-refused",
    where: /^cns$/,
    plan: {},
    strike: (stage) =>
      registered(stage, Effect.zipRight(stage.cns.addFault({ kind: "unauthorized" }), stage.mail)),
    isFoundByDoctor: true
  },
  {
    name: "a gateway that is down",
    told: /^Push gateway cns is down: .*; check ENS_CNS_URL, DNS/,
    fault: "gateway-down",
    where: /^cns$/,
    plan: {},
    strike: (stage) => registered(stage, Effect.zipRight(stage.cns.down, stage.mail)),
    isFoundByDoctor: true
  },
  {
    name: "storage that is down",
    told: /^storage is away at storage: .*\(database is locked\); check the database server/,
    fault: "storage-down",
    where: /^storage$/,
    plan: {},
    strike: (stage) => Effect.zipRight(locked(stage.installation.database), registers()(stage)),
    isFoundByDoctor: true
  },
  {
    name: "an empty key pool",
    told: /^no RSA keys are left in the pool at .*; registrations wait while keys are made/,
    fault: "key-pool-empty",
    where: /^the key pool$/,
    // Nobody fills it.
    plan: { settings: { ENS_KEYPOOL_THRESHOLD: "0" } },
    strike: registers({}),
    isFoundByDoctor: true
  },
  {
    name: "a subscription that Exchange has lost",
    told: /^silent for too long: .*Exchange has lost the subscription.*asked to register again/,
    fault: "subscription-lost",
    where: HOST,
    plan: {
      exchange: { minute: MINUTE },
      settings: {
        ENS_STATUS_FREQUENCY_MINUTES: String(MINUTE / 60_000),
        ENS_HEARTBEAT_CHECK_MINUTES: String((2 * MINUTE) / 60_000)
      }
    },
    strike: (stage) => registered(stage, Effect.zipRight(heartbeats(stage), stage.exchange.restart)),
    isFoundByDoctor: true
  },
  {
    name: "clocks that differ",
    told: /^the clocks differ at .*; synchronise this machine's clock/,
    fault: "clock-skew",
    where: HOST,
    plan: { exchange: { ahead: 10 * 60_000 } },
    strike: registers({}),
    doctor: mailbox(),
    isFoundByDoctor: true
  }
]

/** Another program holds the database, so that nothing can be written. */
const locked = (database: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const holder = new DatabaseSync(database)
      holder.exec("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE")
      return holder
    }),
    (holder) => Effect.sync(() => holder.close())
  )

const heartbeats = ({ exchange }: Stage) =>
  within(
    exchange.until(() => exchange.deliveries().filter(({ outcome }) => outcome === "OK").length >= 2),
    "two heartbeats"
  )
