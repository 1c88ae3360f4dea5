import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { licenceOf, licencesPage, lockedPackages } from "../../tools/Licences.ts"
import { type Bom, type Component, makeBom } from "../../tools/Sbom.ts"

const textOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

const packages = lockedPackages()
const root = fileURLToPath(new URL("../..", import.meta.url))

/** What `npm run sbom` writes; undefined where there is no npm. */
const bom = ((): Bom | undefined => {
  try {
    return makeBom()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
    console.warn("SKIPPED: the list of what ENS is built from is not tested: npm is not on the PATH")
    return undefined
  }
})()

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

describe.skipIf(bom === undefined)("the list of what ENS is built from (SBOM)", () => {
  const { bomFormat, components, dependencies, metadata, specVersion } = bom ?? NOTHING

  it("is CycloneDX 1.5 for this application", () => {
    const { name, version } = JSON.parse(textOf("package.json")) as Component
    expect([bomFormat, specVersion]).toEqual(["CycloneDX", "1.5"])
    expect(metadata.component).toMatchObject({ type: "application", name, version })
  })

  it("names each package with its address, the hash of the lock file and a licence", () => {
    const integrity = new Map(packages.map((one) => [`${one.name}@${one.version}`, one.integrity]))
    for (const { hashes, licenses, name, purl, type, version } of components) {
      const sha512 = Buffer.from(hashes?.[0]?.content ?? "", "hex").toString("base64")
      expect({
        name,
        type,
        purl,
        hash: `sha512-${sha512}`,
        licences: (licenses ?? []).length > 0
      }).toEqual({
        name,
        type: "library",
        purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
        hash: integrity.get(`${name}@${version}`),
        licences: true
      })
    }
  })

  it("is what the lock file has for this platform, without what only tests need", () => {
    const isHere = ({ optional, path }: (typeof packages)[number]) =>
      optional !== true || existsSync(root + path)
    const shipped = packages.filter((one) => one.dev !== true && isHere(one))
    expect(new Set(components.map(({ name, version }) => `${name}@${version}`))).toEqual(
      new Set(shipped.map(({ name, version }) => `${name}@${version}`))
    )
  })

  it("says what needs what, and of nothing that it does not list", () => {
    const known = new Set([metadata.component, ...components].map((one) => one["bom-ref"]))
    const named = dependencies.flatMap(({ dependsOn, ref }) => [ref, ...dependsOn])
    expect(named.filter((ref) => !known.has(ref))).toEqual([])
    expect(dependencies.length).toBe(known.size)
  })
})

const NOTHING: Bom = {
  bomFormat: "",
  specVersion: "",
  metadata: { component: { type: "", name: "", version: "", purl: "", "bom-ref": "" } },
  components: [],
  dependencies: []
}

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
