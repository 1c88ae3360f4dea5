import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** What `package-lock.json` says of one installed package. */
export interface Locked {
  readonly version: string
  readonly resolved?: string
  readonly integrity?: string
  readonly license?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly hasInstallScript?: boolean
}

export interface Package extends Locked {
  /** Where it is installed, which is unlike for two versions of one name. */
  readonly path: string
  readonly name: string
}

/** Every package of the lock file but this one, as npm orders them. */
export const lockedPackages = (): ReadonlyArray<Package> => {
  const lock = JSON.parse(readFileSync(fileOf("package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, Locked>>
  }
  return Object.entries(lock.packages)
    .filter(([path]) => path !== "")
    .map(([path, locked]) => ({ ...locked, path, name: path.slice(path.lastIndexOf("node_modules/") + 13) }))
}

/** Packages whose `package.json` says their licence in a form of old, which the lock file does not carry. */
const OLD_FORM: Readonly<Record<string, string>> = { "limiter@1.1.5": "MIT" }

/** An SPDX expression; undefined: nobody has said. */
export const licenceOf = ({ license, name, version }: Package): string | undefined =>
  license ?? OLD_FORM[`${name}@${version}`]

/** `docs/licences.md` as it has to be for the lock file. */
export const licencesPage = (): string => {
  const shipped = lockedPackages().filter(({ dev }) => dev !== true)
  const rows = shipped.map((one) => `| ${one.name} | ${one.version} | ${licenceOf(one) ?? "unknown"} |`)
  const counts = new Map<string, number>()
  for (const one of shipped) {
    const licence = licenceOf(one) ?? "unknown"
    counts.set(licence, (counts.get(licence) ?? 0) + 1)
  }
  const sums = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([licence, n]) => `| ${licence} | ${n} |`)
  return [
    "# Licences",
    "",
    "Of the packages that ENS is run with, for all platforms; those for tests and development are left out. Made by",
    "`npm run licences` from the lock file. Where a licence is a choice, as for node-forge, ENS uses it under the first one.",
    "",
    "| licence | packages |",
    "|---|---|",
    ...sums,
    "",
    "| package | version | licence |",
    "|---|---|---|",
    ...[...new Set(rows)].sort(),
    ""
  ].join("\n")
}

const fileOf = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

if (import.meta.main) writeFileSync(fileOf("docs/licences.md"), licencesPage())
