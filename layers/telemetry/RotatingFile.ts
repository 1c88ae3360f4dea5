import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync
} from "node:fs"
import { dirname } from "node:path"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { beginOf, prune, reserve } from "./AsideFiles.ts"

/** Milliseconds between two looks at what lies at the path. */
const LOOK_EVERY = 1000
/** Milliseconds until a rotation that failed is tried again. */
const TRY_AGAIN = 60_000
const MODE = 0o640

/**
 * A file to which whole lines are appended, put aside as `<file>.<time>` when it is too large or too old. Each line is one
 * `write` with O_APPEND, so that lines of several processes do not mix. Putting aside is one `rename`: readers that follow
 * the path (`tail -F`) miss nothing, and what another process still writes lands in the renamed file.
 *
 * Whoever else moves, removes or cuts the file (logrotate) is noticed within a second. Plain synchronous code; throws what
 * the file system does.
 */
export class RotatingFile {
  readonly #file: string
  readonly #rotation: SettingsShape["logRotation"]
  /** Milliseconds since 1970. */
  readonly #now: () => number
  #descriptor: number
  #size = 0
  #began = 0
  #lookAt = 0
  #rotateAt = 0
  /** The last line lacks its end: the disk was full in its middle. */
  #cut = false

  /** Makes the file, and its directory, if missing. */
  constructor(file: string, rotation: SettingsShape["logRotation"], now: () => number) {
    this.#file = file
    this.#rotation = rotation
    this.#now = now
    mkdirSync(dirname(file), { recursive: true })
    this.#descriptor = openSync(file, FLAGS, MODE)
    this.#measure()
  }

  /** Appends the line and its end. */
  write(line: string): void {
    const bytes = Buffer.from(`${this.#cut ? "\n" : ""}${line}\n`)
    const now = this.#now()
    // A clock that was set back must not keep it from looking.
    if (now >= this.#lookAt || now < this.#lookAt - LOOK_EVERY) this.#look(now)
    if (this.#isDue(now, bytes.length)) this.#rotate(now)
    let written = 0
    try {
      while (written < bytes.length) {
        written += writeSync(this.#descriptor, bytes, written)
      }
      this.#cut = false
    } finally {
      if (written > 0 && written < bytes.length) this.#cut = true
      this.#size += written
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #look(now: number): void {
    this.#lookAt = now + LOOK_EVERY
    const there = statSync(this.#file, { throwIfNoEntry: false })
    const ours = fstatSync(this.#descriptor)
    if (there === undefined || there.ino !== ours.ino || there.dev !== ours.dev) return this.#reopen()
    // Cut by `copytruncate`, or written by another process.
    if (ours.size < this.#size) this.#measure()
    else this.#size = ours.size
  }

  #isDue(now: number, more: number): boolean {
    const { age, size } = this.#rotation
    // An empty file is never put aside: a single line may be larger than what is allowed.
    if (this.#size === 0 || now < this.#rotateAt) return false
    if (size !== undefined && this.#size + more > size) return true
    return age !== undefined && now - this.#began >= age
  }

  #rotate(now: number): void {
    try {
      // Another process may have done it a moment ago.
      const there = statSync(this.#file, { throwIfNoEntry: false })
      if (there !== undefined && there.ino === fstatSync(this.#descriptor).ino) {
        this.#putAside(reserve(this.#file, now, MODE))
      }
      this.#reopen()
      prune(this.#file, this.#rotation.keep)
    } catch (cause) {
      this.#rotateAt = now + TRY_AGAIN
      process.stderr.write(`ENS_LOG_FILE: ${this.#file} could not be put aside: ${cause}\n`)
    }
  }

  #putAside(aside: string): void {
    try {
      renameSync(this.#file, aside)
    } catch (cause) {
      // The place that was kept for it.
      unlinkSync(aside)
      // Another process was faster by less than this look takes.
      if (!(cause instanceof Error && "code" in cause && cause.code === "ENOENT")) throw cause
    }
  }

  /** The old descriptor stays in use if there can be no new one. */
  #reopen(): void {
    mkdirSync(dirname(this.#file), { recursive: true })
    const descriptor = openSync(this.#file, FLAGS, MODE)
    closeSync(this.#descriptor)
    this.#descriptor = descriptor
    this.#measure()
  }

  #measure(): void {
    const now = this.#now()
    const { birthtimeMs, size } = fstatSync(this.#descriptor)
    this.#size = size
    this.#began = size === 0 ? now : (this.#firstTime() ?? Math.min(birthtimeMs || now, now))
    // What a killed or starved process left without its end.
    const last = Buffer.alloc(1)
    this.#cut = size > 0 && readSync(this.#descriptor, last, 0, 1, size - 1) === 1 && last[0] !== LINE_END
  }

  #firstTime(): number | undefined {
    const head = Buffer.alloc(64)
    const length = readSync(this.#descriptor, head, 0, head.length, 0)
    return beginOf(head.toString("latin1", 0, length))
  }
}

/** Reading is for how it begins and ends. */
const FLAGS = "a+"
const LINE_END = 0x0a
