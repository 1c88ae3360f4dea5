import type { FaultName } from "../../schemas/Fault.ts"
import type { Report, Trouble } from "./Troubles.ts"

/** Milliseconds for which a trouble counts as present after its last report, and after which it is told again. */
export const HOUR = 3_600_000

/** Troubles that are remembered, and how many of them may have the same cause: phones choose hosts and domains. */
export const TROUBLES_MAX = 200
export const OF_A_CAUSE_MAX = 50

/** What comes and goes is told of so often within an hour. */
export const TOLD_MAX = 3

const WHERE_LONGEST = 128
const WHAT_LONGEST = 1_000

/**
 * The troubles of a running service. Those of the same cause at the same place are one. Plain state; times are milliseconds
 * since 1970, given by whoever calls.
 */
export class TroubleBoard {
  /** In the order of their last reports. */
  readonly #entries = new Map<string, Entry>()
  #open = 0

  /** Nobody has anything to settle. */
  get isClear(): boolean {
    return this.#open === 0
  }

  /** The trouble if the log is to be told of it. */
  report(report: Report, now: number): Trouble | undefined {
    const where = oneLine(report.where, WHERE_LONGEST)
    const key = keyOf(report.fault, where)
    const entry = this.#entries.get(key) ?? this.#room(report.fault, where, now)
    if (!entry.isOpen || now - entry.last > entry.holds) this.#begin(entry, now)
    entry.what = oneLine(report.what, WHAT_LONGEST)
    entry.last = now
    entry.count += 1
    entry.holds = report.holds ?? HOUR
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.tell(now, report.told === true) ? troubleOf(entry) : undefined
  }

  /** The trouble that was there until now, if the log is to be told that it is over. */
  settle(fault: FaultName, where: string, now: number): Trouble | undefined {
    const entry = this.#entries.get(keyOf(fault, oneLine(where, WHERE_LONGEST)))
    if (entry === undefined || !entry.isOpen) return undefined
    this.#close(entry)
    return entry.isTold && now - entry.last <= entry.holds ? troubleOf(entry) : undefined
  }

  /** What is not over and was reported lately, the newest first. */
  current(now: number): ReadonlyArray<Trouble> {
    this.#forgetOld(now)
    return [...this.#entries.values()]
      .filter(({ isOpen }) => isOpen)
      .map(troubleOf)
      .reverse()
  }

  #room(fault: FaultName, where: string, now: number): Entry {
    this.#forgetOld(now)
    const [first] = this.#entries.keys()
    const alike = [...this.#entries].filter(([, entry]) => entry.fault === fault)
    if (alike.length >= OF_A_CAUSE_MAX) this.#drop(alike[0]![0])
    else if (this.#entries.size >= TROUBLES_MAX && first !== undefined) this.#drop(first)
    return new Entry(fault, where)
  }

  #forgetOld(now: number): void {
    for (const [key, { isOpen, holds, last }] of this.#entries) {
      if (now - last > (isOpen ? holds : HOUR)) this.#drop(key)
    }
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key)
    if (entry?.isOpen === true) this.#close(entry)
    this.#entries.delete(key)
  }

  #begin(entry: Entry, now: number): void {
    if (!entry.isOpen) this.#open += 1
    entry.isOpen = true
    entry.since = now
    entry.count = 0
  }

  #close(entry: Entry): void {
    entry.isOpen = false
    this.#open -= 1
  }
}

class Entry {
  readonly fault: FaultName
  readonly where: string
  what = ""
  isOpen = false
  since = 0
  last = 0
  count = 0
  holds = HOUR
  /** The log knows of it from here. */
  isTold = false
  #toldAt = 0
  /** Within the hour that began then. */
  #told = 0
  #hourSince = Number.NEGATIVE_INFINITY

  constructor(fault: FaultName, where: string) {
    this.fault = fault
    this.where = where
  }

  /** Whether the log is to be told now; `byCaller`: it has been. */
  tell(now: number, byCaller: boolean): boolean {
    if (byCaller) this.#toldAt = now
    else if (this.count === 1) this.isTold = false
    const isNews = this.count === 1 || now - this.#toldAt >= HOUR
    if (byCaller || !isNews) return false
    if (now - this.#hourSince >= HOUR) {
      this.#hourSince = now
      this.#told = 0
    }
    if (this.#told >= TOLD_MAX) return false
    this.#told += 1
    this.#toldAt = now
    this.isTold = true
    return true
  }
}

const keyOf = (fault: FaultName, where: string): string => `${fault} ${where}`

const troubleOf = ({ count, fault, last, since, what, where }: Entry): Trouble => ({
  fault,
  where,
  what,
  since,
  last,
  count
})

const oneLine = (text: string, longest: number): string => {
  const line = CONTROL.test(text) ? text.replace(CONTROLS, " ") : text
  return line.length > longest ? `${line.slice(0, longest - 1)}…` : line
}

const CONTROL = /\p{Cc}|[\u2028\u2029]/u
const CONTROLS = /(?:\p{Cc}|[\u2028\u2029])+/gu
