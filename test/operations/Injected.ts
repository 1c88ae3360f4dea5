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
    fault: "ews-url-wrong",
    where: HOST,
    plan: { ewsUrl: (right) => right.replace("Exchange.asmx", "Exchnage.asmx") },
    strike: registers({}),
    doctor: mailbox(),
    isFoundByDoctor: true
  },
  {
    name: "a log-in that Exchange refuses (401)",
    fault: "exchange-log-in-refused",
    where: HOST,
    plan: {},
    strike: registers({ login: { username: ALICE.address, password: "Off-with-her-head" } }),
    doctor: mailbox("Off-with-her-head"),
    isFoundByDoctor: true
  },
  {
    name: "EWS that is forbidden for the user (403)",
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
    fault: "autodiscover-missing",
    where: new RegExp(`^${DOMAIN}$`),
    plan: { ewsUrl: () => null },
    strike: registers({ address: `alice@${DOMAIN}` }),
    doctor: mailbox(ALICE.password, `alice@${DOMAIN}`),
    isFoundByDoctor: true
  },
  {
    name: "a broken TLS chain",
    fault: "certificate-not-trusted",
    where: HOST,
    plan: () => ({ exchange: { tls: selfSigned() } }),
    strike: registers({}),
    doctor: mailbox(),
    isFoundByDoctor: true
  },
  {
    name: "a certificate that is not the pinned one",
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
    fault: "gateway-log-in-refused",
    where: /^cns$/,
    plan: {},
    strike: (stage) =>
      registered(stage, Effect.zipRight(stage.cns.addFault({ kind: "unauthorized" }), stage.mail)),
    isFoundByDoctor: true
  },
  {
    name: "a gateway that is down",
    fault: "gateway-down",
    where: /^cns$/,
    plan: {},
    strike: (stage) => registered(stage, Effect.zipRight(stage.cns.down, stage.mail)),
    isFoundByDoctor: true
  },
  {
    name: "storage that is down",
    fault: "storage-down",
    where: /^storage$/,
    plan: {},
    strike: (stage) => Effect.zipRight(locked(stage.installation.database), registers()(stage)),
    isFoundByDoctor: true
  },
  {
    name: "an empty key pool",
    fault: "key-pool-empty",
    where: /^the key pool$/,
    // Nobody fills it.
    plan: { settings: { ENS_KEYPOOL_THRESHOLD: "0" } },
    strike: registers({}),
    isFoundByDoctor: false
  },
  {
    name: "a subscription that Exchange has lost",
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
    isFoundByDoctor: false
  },
  {
    name: "clocks that differ",
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
