import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { ROOT } from "./Markdown.ts"

const hasPromtool = spawnSync("promtool", ["--version"]).error === undefined
if (!hasPromtool) console.warn("skipped: promtool is missing (Debian: apt-get install prometheus)")

/** What is scraped each minute, in promtool's notation; which of the named alerts fire at that minute. */
interface Case {
  readonly name: string
  readonly series: Readonly<Record<string, string>>
  readonly at: string
  readonly fires: ReadonlyArray<string>
  readonly silent?: ReadonlyArray<string>
}

const ME = 'instance="mail1:8081"'

const subscriptions = (of: Readonly<Record<string, number>>) =>
  Object.fromEntries(
    Object.entries(of).map(([state, count]) => [`ens_subscriptions{${ME},state="${state}"}`, `${count}x60`])
  )

const CASES: ReadonlyArray<Case> = [
  {
    name: "a node that cannot be scraped",
    series: { [`up{job="ens",${ME}}`]: "1x5 0x10" },
    at: "10m",
    fires: ["EnsDown"]
  },
  {
    name: "a node that is restarted",
    series: { [`up{job="ens",${ME}}`]: "1x5 0 1x10" },
    at: "7m",
    fires: [],
    silent: ["EnsDown"]
  },
  {
    name: "two nodes of which none is the active one, for minutes",
    series: {
      'ens_ownership_role{instance="a",role="active"}': "1x5 0x20",
      'ens_ownership_role{instance="b",role="active"}': "0x30"
    },
    at: "10m",
    fires: ["EnsNoActiveNode"],
    silent: ["EnsTwoActiveNodes"]
  },
  {
    name: "a standby that takes over",
    series: {
      'ens_ownership_role{instance="a",role="active"}': "1x5 0x20",
      'ens_ownership_role{instance="b",role="active"}': "0x6 1x20"
    },
    at: "10m",
    fires: [],
    silent: ["EnsNoActiveNode", "EnsTwoActiveNodes"]
  },
  {
    name: "storage that cannot be written",
    series: {
      [`ens_storage_up{${ME}}`]: "1x5 0x20",
      [`ens_troubles{${ME},fault="storage-down"}`]: "0x5 1x20"
    },
    at: "20m",
    fires: ["EnsStorageDown", "EnsStorageDownFound"]
  },
  {
    name: "an Exchange that calls nobody back any more",
    series: {
      [`ens_callbacks_total{${ME},outcome="ok"}`]: "0+60x20 1200x60",
      ...subscriptions({ Active: 5 })
    },
    at: "60m",
    fires: ["EnsNoCallbacks"]
  },
  {
    name: "a standby, and a new service without users, which nobody calls back either",
    series: {
      [`ens_callbacks_total{${ME},outcome="ok"}`]: "0x60",
      ...subscriptions({ Active: 0, Unconfirmed: 0, Overdue: 0 })
    },
    at: "60m",
    fires: [],
    silent: ["EnsNoCallbacks", "EnsManyOverdue", "EnsManyLost", "EnsManyRejected"]
  },
  {
    name: "a fifth of the subscriptions overdue",
    series: subscriptions({ Active: 80, Overdue: 20, Lost: 0, CredentialsRejected: 0 }),
    at: "60m",
    fires: ["EnsManyOverdue"],
    silent: ["EnsManyLost", "EnsManyRejected"]
  },
  {
    name: "two overdue users of five, which says little",
    series: subscriptions({ Active: 3, Overdue: 2 }),
    at: "60m",
    fires: [],
    silent: ["EnsManyOverdue"]
  },
  {
    name: "a gateway that refuses a third of all notifications",
    series: {
      [`ens_push_notifications_total{${ME},gateway="cns",verdict="Delivered"}`]: "0+20x60",
      [`ens_push_notifications_total{${ME},gateway="cns",verdict="Rejected"}`]: "0+10x60",
      [`ens_push_notifications_total{${ME},gateway="fcm",verdict="Delivered"}`]: "0+20x60"
    },
    at: "60m",
    fires: ["EnsPushesFail"]
  },
  {
    name: "callbacks that are answered after nine seconds",
    series: {
      [`ens_callback_seconds_bucket{${ME},le="5"}`]: "0x60",
      [`ens_callback_seconds_bucket{${ME},le="10"}`]: "0+60x60",
      [`ens_callback_seconds_bucket{${ME},le="+Inf"}`]: "0+60x60"
    },
    at: "60m",
    fires: ["EnsCallbacksSlow"]
  },
  {
    name: "a certificate that ends in a week, and one that ends in a month",
    series: {
      [`ens_certificate_expiry_timestamp_seconds{${ME},what="cns"}`]: `${7 * 86_400}x300`,
      [`ens_certificate_expiry_timestamp_seconds{${ME},what="listener"}`]: `${30 * 86_400}x300`
    },
    at: "200m",
    fires: ["EnsCertificateExpires"]
  },
  {
    name: "actors that crash",
    series: { [`ens_actor_crashes_total{${ME}}`]: "0x10 1+1x20", [`ens_actor_circuit_open{${ME}}`]: "0x60" },
    at: "25m",
    fires: ["EnsActorsCrash"]
  }
]

describe.skipIf(!hasPromtool)("the alert rules", () => {
  for (const { at, fires, name, series, silent = [] } of CASES)
    it(`${fires.length === 0 ? "say nothing of" : "tell of"} ${name}`, () => {
      const directory = mkdtempSync(join(tmpdir(), "ens-alerts-"))
      try {
        const file = join(directory, "case.yml")
        writeFileSync(file, JSON.stringify(caseFile(series, at, [...fires, ...silent])))
        const { stdout, stderr } = spawnSync("promtool", ["test", "rules", file], { encoding: "utf8" })
        expect(stdout + stderr).toContain(fires.length === 0 ? "SUCCESS" : "FAILED")
        expect(firing(stdout + stderr), stdout + stderr).toEqual([...fires].sort())
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    })
})

/** JSON is YAML. Nothing is expected, so that promtool tells with labels and texts of all that fires. */
const caseFile = (series: Case["series"], at: string, names: ReadonlyArray<string>) => ({
  rule_files: [join(ROOT, "docs/operations/alerts.yml")],
  evaluation_interval: "1m",
  tests: [
    {
      interval: "1m",
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      alert_rule_test: names.map((alertname) => ({ eval_time: at, alertname, exp_alerts: [] }))
    }
  ]
})

const firing = (told: string): ReadonlyArray<string> =>
  [...new Set([...told.matchAll(/alertname: ?(\w+)/g)].map(([, name = ""]) => name))].sort()
