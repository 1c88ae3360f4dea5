import { execFileSync } from "node:child_process"
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePorts } from "../../src/demo/FreePorts.ts"
import { within } from "../e2e/Rehearsal.ts"
import { isRoot } from "../peers/support/RealPeer.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { copiesOf, instructionsOf } from "./support/Dockerfile.ts"
import { shipped } from "./support/FrontProxy.ts"
import { NOBODY, ROOT, spawned } from "./support/Spawned.ts"

const dockerfile = instructionsOf(shipped("container/Dockerfile"))
const copies = copiesOf(dockerfile)
const last = (name: string): string => dockerfile.findLast((one) => one.name === name)?.rest ?? ""
const health = JSON.parse(/CMD (\[.*\])$/.exec(last("HEALTHCHECK"))?.[1] ?? "[]") as ReadonlyArray<string>
const entrypoint = JSON.parse(last("ENTRYPOINT")) as ReadonlyArray<string>

describe("the Dockerfile", () => {
  it("copies what is there, and nothing that .dockerignore keeps back", () => {
    const sources = copies.flatMap((copy) => copy.sources)
    expect(sources.filter((source) => !existsSync(join(ROOT, source)))).toEqual([])
    const allowed = shipped("container/Dockerfile.dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1))
    expect(allowed.toSorted()).toEqual([...new Set(sources)].toSorted())
    expect(shipped("container/Dockerfile.dockerignore")).toMatch(/^\*$/m)
  })

  it("starts from images of one major version, and runs as somebody who owns only the data", () => {
    const images = dockerfile.filter(({ name }) => name === "FROM").map(({ rest }) => rest.split(" ")[0])
    expect(new Set(images)).toEqual(new Set(["node:24-slim"]))
    expect(last("USER")).toBe("node")
    // Nothing is written after it.
    const afterUser = dockerfile.slice(dockerfile.findIndex(({ name }) => name === "USER"))
    expect(afterUser.filter(({ name }) => ["COPY", "RUN", "ADD"].includes(name))).toEqual([])
    expect(dockerfile.some(({ name }) => name === "ADD")).toBe(false)
    expect(last("VOLUME")).toBe("/var/lib/ens")
    expect(last("STOPSIGNAL")).toBe("SIGTERM")
  })

  it("has the version of package.json in its label", () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"))
    expect(last("LABEL")).toContain(`version="${version}"`)
  })

  it.scopedLive(
    `makes a tree that runs, read-only, without development packages, and is found healthy${isRoot ? "" : " (SKIPPED: another account needs root, so the tree is not read-only)"}`,
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        chmodSync(directory, 0o755)
        const tree = join(directory, "ens")
        const data = join(directory, "data")
        mkdirSync(tree)
        mkdirSync(data, { mode: 0o700 })
        if (isRoot) chownSync(data, NOBODY, NOBODY)
        for (const { sources, to } of copies)
          for (const source of sources)
            cpSync(join(ROOT, source), to.endsWith("/") ? join(tree, to, source) : join(tree, to), {
              recursive: true
            })
        copyPackages(tree)

        const [port, adminPort] = yield* freePorts(2)
        const environment = {
          ENS_HOST: "127.0.0.1",
          ENS_PORT: `${port}`,
          ENS_ADMIN_PORT: `${adminPort}`,
          ENS_DATA_DIR: data,
          ENS_KEYPOOL_BATCH: "2",
          ENS_KEYPOOL_THRESHOLD: "1"
        }
        const here = (command: ReadonlyArray<string>) =>
          command.map((word) =>
            word === "node" ? process.execPath : word.replace(/^\/opt\/ens\//, `${tree}/`)
          )
        const run = (command: ReadonlyArray<string>) =>
          spawned(here(command), { cwd: tree, environment, otherAccount: isRoot })

        const help = yield* run([...entrypoint, "--help"])
        expect(yield* within(help.ended, "the help", 60)).toBe(0)
        expect(help.output()).toContain("token")

        const unwell = yield* run(health)
        expect(yield* within(unwell.ended, "a verdict", 60)).toBe(1)
        const service = yield* run([...entrypoint, ...(JSON.parse(last("CMD")) as ReadonlyArray<string>)])
        // Not one after the other at once: they would take the processor from what they wait for.
        const healthy = Effect.delay(
          Effect.flatMap(run(health), ({ ended }) => ended),
          "300 millis"
        )
        yield* within(
          Effect.repeat(healthy, { until: (code) => code === 0 }),
          `healthy: ${service.output()}`,
          120
        ).pipe(Effect.onError(() => Effect.sync(() => console.error(service.output()))))
        service.signal("SIGTERM")
        expect(yield* within(service.ended, "the end", 12)).toBe(0)
      }),
    300_000
  )
})

/** What `npm install --omit=dev --omit=optional` would install, out of what is installed here. */
const copyPackages = (tree: string): void => {
  const install =
    dockerfile.find(({ name, rest }) => name === "RUN" && rest.startsWith("npm install "))?.rest ?? ""
  const omitted = install.split(" ").filter((word) => word.startsWith("--omit="))
  const listed = execFileSync("npm", ["ls", "--all", "--parseable", ...omitted], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 2 ** 24,
    stdio: ["ignore", "pipe", "ignore"]
  })
    .trim()
    .split("\n")
    .map((path) => relative(ROOT, path))
    .filter((path) => path.startsWith("node_modules/"))
  expect(listed.length).toBeGreaterThan(50)
  expect(listed.some((path) => /vitest|biome|node-linux/.test(path))).toBe(false)
  const whole = listed.filter((path) => !listed.some((other) => path.startsWith(`${other}/`)))
  execFileSync("cp", ["-a", "--parents", ...whole, tree], { cwd: ROOT })
}

describe("compose.yaml", () => {
  const text = shipped("container/compose.yaml")

  it("names files that are there, and keeps the admin listener inside", () => {
    const mounted = [...text.matchAll(/^ +- (\.\.\/[^:]+):/gm)].map(([, path = ""]) => path)
    expect(mounted.length).toBeGreaterThan(0)
    for (const path of mounted) expect(existsSync(join(ROOT, "deploy/container", path)), path).toBe(true)
    expect(text).toContain("dockerfile: deploy/container/Dockerfile")
    expect(text).not.toContain("8081")
    const ports = /ports:\n((?: +- .*\n)+)/.exec(text)?.[1]
    expect(ports?.trim()).toBe('- "443:443"')
  })

  it("gives a stopping service more time than it takes", () => {
    expect(Number(/stop_grace_period: (\d+)s/.exec(text)?.[1])).toBeGreaterThan(10)
  })

  it("keeps keys out of the repository", () => {
    for (const path of ["secrets/master.key", "tls/key.pem"]) {
      const full = join("deploy/container", path)
      expect(execFileSync("git", ["check-ignore", full], { cwd: ROOT, encoding: "utf8" }).trim()).toBe(full)
    }
  })
})
