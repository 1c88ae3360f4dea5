import { dirname } from "node:path"
import { SqliteFailure } from "./SqliteWriter.ts"

/** One sentence about a database file that could not be opened: what is the matter, and what to do. */
export const adviceOf = (file: string, cause: unknown): string => {
  const errno = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  const code = codeOf(cause)
  if (NO_RIGHT.has(errno) || code === 8 || code === 3)
    return `${file}: this account may not write it or its directory${named(errno)}; correct the rights, or run this as the service's account`
  if (NO_PLACE.has(errno) || code === 14)
    return `${file}: it cannot be made or opened${named(errno)}; ${dirname(file)} must be a directory of this account: correct ENS_DATA_DIR or ENS_DATABASE_URL`
  if (errno === "ENOSPC" || code === 13) return `${file}: the disk is full; make room`
  if (errno === "EROFS")
    return `${file}: the file system is read-only; correct ENS_DATA_DIR or ENS_DATABASE_URL`
  if (code === 26 || code === 11)
    return `${file} is no database, or damaged; restore it from a backup, or correct ENS_DATA_DIR or ENS_DATABASE_URL`
  if (code === 5 || code === 6) return `${file}: another process keeps it locked; end that, and repeat`
  return `${file}: ${cause instanceof Error ? cause.message : String(cause)}`
}

const named = (errno: string) => (errno === "" ? "" : ` (${errno})`)

/** Primary result codes: https://sqlite.org/rescode.html */
const codeOf = (cause: unknown): number | undefined => {
  if (cause instanceof SqliteFailure) return cause.code & 0xff
  return cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number"
    ? cause.errcode & 0xff
    : undefined
}

const NO_RIGHT: ReadonlySet<string> = new Set(["EACCES", "EPERM"])
const NO_PLACE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "EISDIR", "EEXIST"])
