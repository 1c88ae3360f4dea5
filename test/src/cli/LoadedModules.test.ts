import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { describe, expect, it } from "vitest"

const root = new URL("../../..", import.meta.url)

/** Prints the modules that were loaded, in the place of what the command prints. */
const TELLING = `
import { registerHooks } from "node:module"
const urls = []
registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) })
const write = process.stdout.write.bind(process.stdout)
process.stdout.write = () => true
process.on("exit", () => write(urls.join("\\n")))
`

describe("a start", () => {
  it("loads nothing of what few want: ens doctor, OpenTelemetry's exporters, the pages' libraries", () => {
    const telling = `data:text/javascript,${encodeURIComponent(TELLING)}`
    const loaded = execFileSync(process.execPath, ["--import", telling, "src/main.ts", "config"], {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 2 ** 24
    }).split("\n")
    // The command tree was loaded, and with it the service.
    expect(loaded.filter((url) => url.endsWith("/src/Service.ts"))).toHaveLength(1)
    const dear =
      /\/src\/doctor\/|\/(?:@effect\/opentelemetry|playwright-core|preact|uplot|firebase-admin|client-sns)\//
    expect(loaded.filter((url) => dear.test(url))).toEqual([])
    expect(existsSync(new URL("src/doctor/Doctor.ts", root))).toBe(true)
  })
})
