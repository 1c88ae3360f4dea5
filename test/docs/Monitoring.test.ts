import { execFileSync, spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { FAULT_NAMES, faultOf } from "../../schemas/Fault.ts"
import { scraped } from "../e2e/Scraped.ts"
import { ROOT, readDocument } from "./Markdown.ts"

/** Families that show with their first event, or with what not every installation has. */
const LATER = new Set([
  "ens_certificate_expiry_timestamp_seconds",
  "ens_push_superseded_total",
  "ens_storage_failures_total"
])

const alerts = () => readDocument("docs/operations/alerts.yml")
const dashboard = () => readDocument("docs/operations/grafana/ens.json")
const documented = (): ReadonlyArray<string> =>
  [
    ...readDocument("docs/operations/monitoring.md").matchAll(/^\| `((?:ens|process|nodejs)_[a-z_]+)` \|/gm)
  ].map(([, name = ""]) => name)

/** Metrics that a text of queries names; histograms by their family. */
const named = (text: string): ReadonlyArray<string> => [
  ...new Set(
    [...text.matchAll(/\b(?:ens|process|nodejs)_[a-z_]+/g)].map(([name]) =>
      name.replace(/_(?:bucket|sum|count)$/, "")
    )
  )
]

const promtool = (...parameters: ReadonlyArray<string>) =>
  spawnSync("promtool", parameters, { encoding: "utf8" })
const hasPromtool = promtool("--version").error === undefined
if (!hasPromtool) console.warn("skipped: promtool is missing (Debian: apt-get install prometheus)")

let text = ""
beforeAll(async () => {
  text = await Effect.runPromise(Effect.scoped(scraped))
}, 60_000)

/** The scrape by families: type, help, and samples as `name` and labels. */
const families = () => {
  const found = new Map<string, { type: string; help: string; labels: Array<Record<string, string>> }>()
  for (const [, name = "", help = ""] of text.matchAll(/^# HELP (\S+) (.+)$/gm))
    found.set(name, { type: "", help, labels: [] })
  for (const [, name = "", type = ""] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const family = found.get(name) ?? { type, help: "", labels: [] }
    family.type = type
    found.set(name, family)
  }
  for (const [, name = "", labels = ""] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? \S+$/gm)) {
    const family = found.get(name) ?? found.get(name.replace(/_(?:bucket|sum|count)$/, ""))
    family?.labels.push(
      Object.fromEntries(
        [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, value])
      )
    )
  }
  return found
}

describe("/metrics", () => {
  it("has a help text, a type, and the usual suffixes", () => {
    for (const [name, { help, type }] of families()) {
      expect(help, name).not.toBe("")
      expect(["counter", "gauge", "histogram"], name).toContain(type)
      expect(name.endsWith("_total"), name).toBe(type === "counter")
      if (type === "histogram") expect(name).toMatch(/_(?:seconds|size)$/)
    }
    expect(families().size).toBeGreaterThan(40)
  })

  it("has histograms whose buckets rise and hold what came", () => {
    for (const [name, { labels, type }] of families()) {
      if (type !== "histogram") continue
      const bounds = [...new Set(labels.flatMap(({ le }) => le ?? []))].map((le) =>
        Number(le.replace("+Inf", "Infinity"))
      )
      expect(bounds, name).toEqual(bounds.toSorted((a, b) => a - b))
      expect(bounds.length, name).toBeGreaterThan(5)
      expect(bounds.at(-1), name).toBe(Number.POSITIVE_INFINITY)
    }
  })

  it("has few values of each label, and none that is a user's", () => {
    for (const [name, { labels }] of families())
      for (const values of Object.values(Object.groupBy(labels.flatMap(Object.entries), ([key]) => key))) {
        const different = new Set(values?.map(([, value]) => value))
        expect(different.size, name).toBeLessThan(120)
        for (const value of different) expect(value, name).not.toMatch(/@|[0-9a-f]{32}/)
      }
  })

  it.skipIf(!hasPromtool)("is what promtool expects", () => {
    expect(execFileSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" })).toBe("")
  })
})

describe("docs/operations", () => {
  it("has a row for every metric that the program has, and for no other", () => {
    expect([...documented()].sort()).toEqual([...defined()].sort())
  })

  it("has a row for every metric of a scrape, and all but a few rows are in one", () => {
    const known = documented()
    const seen = [...families().keys()]
    expect(seen.filter((name) => !known.includes(name))).toEqual([])
    expect(known.filter((name) => !seen.includes(name) && !LATER.has(name))).toEqual([])
  })

  it("names labels as they are", () => {
    for (const [, name = "", labels = ""] of readDocument("docs/operations/monitoring.md").matchAll(
      /^\| `((?:ens|process|nodejs)_[a-z_]+)` \| ([^|]*) \|/gm
    )) {
      const [first] = families().get(name)?.labels ?? []
      if (first === undefined) continue
      const { le: _, ...shown } = first
      expect(
        [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
        name
      ).toEqual(Object.keys(shown))
    }
  })

  it("has a dashboard and rules that name only metrics that there are", () => {
    const known = new Set(documented())
    for (const metrics of [named(queriesOf(dashboard())), named(expressionsOf(alerts()))]) {
      expect(metrics.length).toBeGreaterThan(15)
      expect(metrics.filter((name) => !known.has(name))).toEqual([])
    }
  })

  it("has a rule for every fault, with the catalogue's words", () => {
    const rules = alerts().split("- alert: ")
    for (const fault of FAULT_NAMES) {
      const rule = rules.find((one) => one.includes(`ens_troubles{fault="${fault}"}`)) ?? ""
      expect(rule, fault).toContain(faultOf(fault).title)
      expect(rule, fault).toContain(faultOf(fault).cure)
      expect(rule, fault).toContain(`runbook: "docs/troubleshooting.md#${fault}"`)
    }
    const faults = [...alerts().matchAll(/^ +fault: (\S+)$/gm)].map(([, fault]) => fault)
    expect(faults.filter((fault) => !(FAULT_NAMES as ReadonlyArray<string>).includes(fault ?? ""))).toEqual(
      []
    )
  })

  it.skipIf(!hasPromtool)("has rules that Prometheus takes", () => {
    const { status, stderr, stdout } = promtool("check", "rules", join(ROOT, "docs/operations/alerts.yml"))
    expect(`${stdout}${stderr}`).toContain("SUCCESS")
    expect(status).toBe(0)
  })
})

const queriesOf = (json: string): string => {
  const { panels } = JSON.parse(json) as {
    readonly panels: ReadonlyArray<{ readonly targets?: ReadonlyArray<{ readonly expr: string }> }>
  }
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join("\n")
}

const expressionsOf = (yaml: string): string =>
  [...yaml.matchAll(/^ +expr: (.*)$/gm)].map(([, expression]) => expression).join("\n")

/** Names of the metrics that are defined somewhere. */
const defined = (): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const folder of ["actors", "layers", "src"])
    for (const file of readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts")) continue
      const source = readFileSync(join(ROOT, folder, file), "utf8")
      for (const [, name = ""] of source.matchAll(
        /(?:Metric\.(?:counter|gauge|histogram)|\bcounter)\(\s*"((?:ens|process|nodejs)_[a-z_]+)"/g
      ))
        names.add(name)
    }
  return names
}
