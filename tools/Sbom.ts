import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { lockedPackages } from "./Licences.ts"

/** One package in CycloneDX's form; what `hashes` and `licenses` hold is npm's. */
export interface Component {
  readonly "bom-ref": string
  readonly type: string
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly hashes?: ReadonlyArray<{ readonly alg: string; readonly content: string }>
  readonly licenses?: ReadonlyArray<object>
}

/** CycloneDX 1.5, as far as it is looked at here: <https://cyclonedx.org/docs/1.5/json/>. */
export interface Bom {
  readonly bomFormat: string
  readonly specVersion: string
  readonly metadata: { readonly component: Component }
  readonly components: ReadonlyArray<Component>
  readonly dependencies: ReadonlyArray<{ readonly ref: string; readonly dependsOn: ReadonlyArray<string> }>
}

/**
 * What is installed for ENS to run, without what only tests need. Throws if it is not what the lock file says, or without npm.
 * Not by `--omit dev`: npm 11 then leaves out also what tests need besides, Effect itself among it.
 */
export const makeBom = (): Bom => {
  const args = ["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "application"]
  const text = execFileSync("npm", args, {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
    // On Windows npm is a script.
    shell: process.platform === "win32"
  })
  const all = JSON.parse(text) as Bom
  const shipped = new Set(
    lockedPackages()
      .filter(({ dev }) => dev !== true)
      .map(({ name, version }) => `${name}@${version}`)
  )
  const components = all.components.filter(({ name, version }) => shipped.has(`${name}@${version}`))
  const refs = new Set([all.metadata.component, ...components].map((one) => one["bom-ref"]))
  const dependencies = all.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ dependsOn, ref }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }))
  // npm calls the application after the directory that it is in.
  const name = all.metadata.component["bom-ref"].replace(/@[^@]*$/, "")
  const metadata = { ...all.metadata, component: { ...all.metadata.component, name } }
  return { ...all, metadata, components, dependencies }
}

if (import.meta.main) {
  writeFileSync(new URL("../sbom.json", import.meta.url), `${JSON.stringify(makeBom(), null, 2)}\n`)
}
