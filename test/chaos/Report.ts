import { writeFileSync } from "node:fs"
import { machine, table } from "../../bench/Report.ts"
import type { Outcome } from "./Accounting.ts"
import type { Duplicate } from "./Duplicates.ts"
import { meets } from "./Facts.ts"
import type { Journal } from "./Journal.ts"
import type { ChaosOptions } from "./Options.ts"
import type { Verdict } from "./Verdict.ts"

export interface Report {
  readonly options: ChaosOptions
  readonly verdict: Verdict
  readonly journal: Journal
  readonly healedAfter: number
  readonly log: string
}

/** So many broken promises are told in full. */
const TOLD = 5

export const isKept = ({ journal, verdict: { broken } }: Report): boolean =>
  broken.lost.length === 0 && broken.duplicates.length === 0 && journal.broken.length === 0

/** The report for reading. */
export const render = (report: Report): string => {
  const { healedAfter, journal, log, verdict } = report
  const { broken, fates, lost } = verdict
  return [
    "",
    table(byFault(report)),
    "",
    `${journal.mails.length} mails, ${verdict.outcomes.length} with their devices: ${Object.entries(fates)
      .map(([fate, count]) => `${count} ${fate}`)
      .join(", ")}`,
    ...[...lost].map(([reason, count]) => `  ${count} lost: ${reason}`),
    "duplicates:",
    ...duplicateRows(verdict).map(
      ({ allowed, after, counted, differs, summed }) =>
        `  ${counted} after ${after} (up to ${allowed} may be), ${differs} with another collapse id, ${summed} beside a summary`
    ),
    `silent pushes: ${journal.counts.silentPushes}, registrations: ${journal.counts.registrations} (failed: ${journal.counts.registrationsFailed}), apps opened by hand: ${journal.counts.appsOpened}`,
    `healed after ${healedAfter.toFixed(1)} s`,
    `log of the service: ${log}`,
    ...journal.broken.map((what) => `BROKEN: ${what}`),
    ...broken.lost
      .slice(0, TOLD)
      .map((one) => tell(journal, `LOST (${one.reason}) for ${one.device.token.slice(0, 12)}…`, one)),
    ...broken.duplicates
      .slice(0, TOLD)
      .map((one) =>
        tell(
          journal,
          `TOLD TWICE${one.differs ? " with different collapse ids" : ""} to ${one.token.slice(0, 12)}…`,
          one
        )
      ),
    isKept(report) ? "The promise was kept." : "The promise was broken."
  ].join("\n")
}

/** The same for programs, in the form of the benches. */
export const writeReport = (file: string, report: Report): void => {
  const { healedAfter, journal, options, verdict } = report
  const { broken, fates, lost } = verdict
  const body = {
    bench: "chaos",
    machine: machine(),
    rows: byFault(report),
    options,
    kept: isKept(report),
    mails: journal.mails.length,
    fates,
    lost: Object.fromEntries(lost),
    duplicates: duplicateRows(verdict),
    counts: journal.counts,
    healedAfterSeconds: healedAfter,
    broken: {
      promises: journal.broken,
      lost: broken.lost.map((one) => ({ ...one, story: storyOf(journal, one.mail) })),
      duplicates: broken.duplicates.map((one) => ({ ...one, story: storyOf(journal, one.mail) }))
    },
    story: journal.story
  }
  writeFileSync(file, `${JSON.stringify(body, undefined, 2)}\n`)
}

/** A row for each kind of interruption. */
const duplicateRows = ({ allowedDuplicates, duplicates }: Verdict) => {
  const after = ({ excuse }: Duplicate) => excuse?.what ?? "nothing that would excuse them"
  return [...new Set([...allowedDuplicates.keys(), ...duplicates.map(after)])].map((kind) => {
    const own = duplicates.filter((duplicate) => after(duplicate) === kind)
    return {
      after: kind,
      counted: own.reduce((sum, { extra }) => sum + extra, 0),
      allowed: allowedDuplicates.get(kind) ?? 0,
      differs: own.filter(({ differs }) => differs).length,
      summed: own.filter(({ summed }) => summed).length
    }
  })
}

/** A row for each kind of fault: what became of the mails that arrived meanwhile. */
const byFault = ({ journal, verdict }: Report): ReadonlyArray<object> => {
  const first = new Map<string, number>()
  for (const { at, itemIds } of journal.pushes)
    for (const id of itemIds) if (!first.has(id)) first.set(id, at)
  const groups = Map.groupBy(verdict.outcomes, ({ mail }) => {
    const then = { from: mail.at, to: mail.at }
    return journal.faults.find((fault) => meets(fault, then))?.name ?? "(none)"
  })
  const names = ["(none)", ...new Set(journal.faults.map(({ name }) => name))]
  return names.map((fault) => {
    const outcomes = groups.get(fault) ?? []
    const count = (fate: Outcome["fate"]) => outcomes.filter((one) => one.fate === fate).length
    const delays = outcomes
      .flatMap(({ mail }) => (first.has(mail.id) ? [(first.get(mail.id)! - mail.at) / 1000] : []))
      .sort((one, other) => one - other)
    return {
      fault,
      times: journal.faults.filter(({ name }) => name === fault).length,
      notifications: outcomes.length,
      notified: count("notified"),
      bare: count("without details"),
      summary: count("in a summary"),
      outbox: count("in the outbox"),
      lost: count("lost"),
      "median s": delays[Math.floor(delays.length / 2)],
      "longest s": delays.at(-1)
    }
  })
}

type About = Pick<Outcome, "mail">

const tell = (journal: Journal, title: string, about: About): string =>
  [`\n${title} ${about.mail.id}`, ...storyOf(journal, about.mail)].join("\n")

/** How long before and after a mail is told what else happened (ms). */
const BEFORE = 30_000
const AFTER = 120_000

const storyOf = (journal: Journal, { address, at, id }: About["mail"]): ReadonlyArray<string> => {
  const pushes = journal.pushes
    .filter(({ itemIds }) => itemIds.includes(id))
    .map((push) => ({
      at: push.at,
      text: `${push.kind} for it taken for ${push.token.slice(0, 12)}…, collapse id ${push.collapseId.slice(0, 16)}…`
    }))
  return [...(journal.happenings.get(address) ?? []), ...pushes, ...journal.story]
    .filter((one) => one.at > at - BEFORE && one.at < at + AFTER)
    .sort((one, other) => one.at - other.at)
    .map((one) => `  ${new Date(one.at).toISOString().slice(11, 23)}  ${one.text}`)
}
