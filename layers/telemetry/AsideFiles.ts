import { closeSync, openSync, readdirSync, unlinkSync } from "node:fs"
import { basename, dirname, join } from "node:path"

/**
 * Makes an empty file `<file>.<UTC time>`, like `ens.log.20260131T235959123Z`, to be renamed over, and answers its path.
 * It is made exclusively, so that nothing that is there is ever overwritten.
 */
export const reserve = (file: string, at: number, mode: number): string => {
  const time = new Date(at).toISOString().replace(/[-:.]/g, "")
  for (let attempt = 0; ; attempt++) {
    const aside = `${file}.${time}${attempt === 0 ? "" : `-${attempt}`}`
    try {
      closeSync(openSync(aside, "wx", mode))
      return aside
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST") || attempt > 1000)
        throw cause
    }
  }
}

/** Removes all but the newest `keep` files that were put aside; others are left alone. Never throws. */
export const prune = (file: string, keep: number): void => {
  const folder = dirname(file)
  try {
    const aside = asideOf(file, readdirSync(folder))
    for (const name of aside.slice(0, Math.max(0, aside.length - keep))) {
      try {
        unlinkSync(join(folder, name))
      } catch {
        // Another process was faster, or somebody else's rights are on it.
      }
    }
  } catch {
    // A directory that may be written but not read: somebody else has to clear up.
  }
}

/** Those of the names that were put aside for this file, the oldest first. */
export const asideOf = (file: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const prefix = `${basename(file)}.`
  return names
    .flatMap((name) => {
      const [, time = "", number = "0"] = name.startsWith(prefix)
        ? (/^(\d{8}T\d{9}Z)(?:-(\d+))?$/.exec(name.slice(prefix.length)) ?? [])
        : []
      return time === "" ? [] : [{ name, time, number: Number(number) }]
    })
    .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.number - b.number))
    .map(({ name }) => name)
}

/** When a log file that begins like this was begun; milliseconds since 1970. The format `pretty` does not tell it. */
export const beginOf = (head: string): number | undefined => {
  const [, iso, legacy] =
    /^(?:\{"@timestamp":"([^"]+)"|(\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d{3}) )/.exec(head) ?? []
  const time = Date.parse(
    iso ?? (legacy === undefined ? "" : `${legacy.replaceAll("/", "-").replace(" ", "T")}Z`)
  )
  return Number.isNaN(time) ? undefined : time
}
