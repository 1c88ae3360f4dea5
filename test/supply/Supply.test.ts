import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { licenceOf, licencesPage, lockedPackages } from "../../tools/Licences.ts"

const textOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

const packages = lockedPackages()

describe("what ENS is built from", () => {
  it("comes from the public registry only, each package with its hash", () => {
    const elsewhere = packages.filter(
      ({ resolved }) => resolved !== undefined && !resolved.startsWith("https://registry.npmjs.org/")
    )
    expect(elsewhere).toEqual([])
    expect(
      packages.filter(({ integrity }) => !integrity?.startsWith("sha512-")).map(({ path }) => path)
    ).toEqual([])
    expect(textOf("package-lock.json")).not.toMatch(
      /git\+|git:|"resolved": "http:|"resolved": "file:|"link": true/
    )
  })

  it("is named by exact versions, but for the Node of each platform", () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
      textOf("package.json")
    ) as Record<string, Record<string, string>>
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(version)
    )
    expect(loose).toEqual([])
    expect(new Set(Object.values(optionalDependencies ?? {}))).toEqual(new Set(["^24"]))
  })

  it("runs no script of a package while it is installed", () => {
    expect(textOf(".npmrc")).toMatch(/^ignore-scripts=true$/m)
  })

  it("has no further package that wants to run a script", () => {
    const wanting = packages
      .filter(({ hasInstallScript }) => hasInstallScript === true)
      .map(({ name }) => name)
    expect(wanting.sort()).toEqual([...NEED_NO_SCRIPT].sort())
  })

  it("may be given away: no licence of a shipped package spreads to others", () => {
    const shipped = packages.filter(({ dev }) => dev !== true)
    const refused = shipped.filter((one) => !isPermissive(licenceOf(one)))
    expect(refused.map(({ name, license }) => `${name}: ${license}`)).toEqual([])
  })

  it("is listed with its licences as the lock file has it", () => {
    expect(textOf("docs/licences.md")).toBe(licencesPage())
  })
})

/** What their scripts do is not needed here: docs/operations/supply-chain.md says why, for each. */
const NEED_NO_SCRIPT = ["@firebase/util", "@parcel/watcher", "esbuild", "msgpackr-extract", "protobufjs"]

const PERMISSIVE = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "ISC",
  "MIT"
])

/** Of a choice, one that permits is enough; of several together, all must. */
const isPermissive = (licence = "unknown"): boolean =>
  licence
    .replace(/[()]/g, "")
    .split(" OR ")
    .some((choice) => choice.split(" AND ").every((one) => PERMISSIVE.has(one)))
