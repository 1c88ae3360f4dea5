import { readdirSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { openConsole, world } from "./ConsoleFixture.ts"

const HEADERS = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin"
}

describe("The console's pages", () => {
  it.scoped("are one page at every address of theirs, which loads nothing from elsewhere", () =>
    Effect.gen(function* () {
      const { ask } = yield* openConsole
      for (const path of ["", "/", "/user", "/tokens", "/certificates", "/audit", "/tokens/", "?x=1"]) {
        const got = yield* ask(`/console${path}`)
        expect([path, got.status, got.headers.get("content-type")]).toEqual([
          path,
          200,
          "text/html; charset=utf-8"
        ])
        expect(got.headers.get("cache-control")).toBe("no-cache")
        expect(got.text).toContain('<script type="module" src="/console/assets/Main.js">')
        expect(got.text.match(/(?:src|href)="(?!\/console\/)[^"]*"/g)).toBeNull()
      }
    }).pipe(Effect.provide(world()))
  )

  it.scoped("carry the headers that keep strangers out, as does everything else under /console", () =>
    Effect.gen(function* () {
      const { ask } = yield* openConsole
      for (const path of ["", "/assets/Main.js", "/assets/none.js", "/api/overview", "/api/none", "/none"]) {
        const { headers } = yield* ask(`/console${path}`)
        expect(Object.fromEntries(Object.keys(HEADERS).map((name) => [name, headers.get(name)]))).toEqual(
          HEADERS
        )
        const policy = (headers.get("content-security-policy") ?? "").split("; ")
        expect(policy).toEqual(
          expect.arrayContaining([
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'"
          ])
        )
        expect(policy.join(" ")).not.toMatch(/unsafe|https?:|\*/)
      }
    }).pipe(Effect.provide(world()))
  )

  it.scoped(
    "have all files of the folder and the packages they name, which a browser asks for again only if changed",
    () =>
      Effect.gen(function* () {
        const { ask } = yield* openConsole
        const folder = new URL("../../../../src/console/assets/", import.meta.url)
        const own = readdirSync(folder).filter((name) => /\.(js|css|svg|html)$/.test(name))
        expect(own.length).toBeGreaterThan(3)
        for (const name of [...own, "preact.js", "uplot.js", "uplot.css"]) {
          const got = yield* ask(`/console/assets/${name}`)
          expect([name, got.status]).toEqual([name, 200])
          const imported = [...got.text.matchAll(/^(?:import\b|\})[^\n]*?"([^"]+)"/gm)].map(
            ([, path]) => path!
          )
          for (const path of imported) {
            const { pathname } = new URL(path, `http://h/console/assets/${name}`)
            expect([name, path, (yield* ask(pathname)).status]).toEqual([name, path, 200])
          }
          const etag = got.headers.get("etag")!
          const again = yield* ask(`/console/assets/${name}`, { headers: { "if-none-match": etag } })
          expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", etag])
        }
      }).pipe(Effect.provide(world()))
  )

  it.scoped("are packed for who takes that", () =>
    Effect.gen(function* () {
      const { ask } = yield* openConsole
      const encoding = (accept: string) =>
        Effect.map(ask("/console", { headers: { "accept-encoding": accept } }), ({ headers }) =>
          headers.get("content-encoding")
        )
      expect(yield* encoding("gzip, br")).toBe("gzip")
      expect(yield* encoding("br, gzip;q=0")).toBeNull()
      expect(yield* encoding("")).toBeNull()
    }).pipe(Effect.provide(world()))
  )

  it.scoped("show no other file of this machine", () =>
    Effect.gen(function* () {
      const { ask } = yield* openConsole
      const paths = [
        "/assets/../Assets.ts",
        "/assets/%2e%2e/Assets.ts",
        "/assets/..%2fAssets.ts",
        "/assets/....//Assets.ts",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/..\\Assets.ts",
        "/assets/Main.js%00.html",
        "/assets/tsconfig.json",
        "/assets/",
        "/assets/__proto__",
        "/assets/constructor",
        "/assets/main.js/..",
        "/nothing"
      ]
      for (const path of paths) {
        const got = yield* ask(`/console${path}`)
        expect([path, got.status]).toEqual([path, 404])
      }
      expect((yield* ask("/console", { method: "POST", body: {} })).status).toBe(405)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("are found as quickly however many slashes somebody sends", () =>
    Effect.gen(function* () {
      const { ask } = yield* openConsole
      const slashes = (count: number) => `/console${"/".repeat(count)}x`
      const of = (count: number) =>
        Effect.gen(function* () {
          const before = process.cpuUsage()
          for (let n = 0; n < 5; n += 1) expect((yield* ask(slashes(count))).status).toBe(404)
          return process.cpuUsage(before).user
        })
      yield* of(10)
      const [few, many] = [yield* of(10), yield* of(15_000)]
      // Microseconds of the processor's time. The square of it would be a second and more.
      expect(many - few).toBeLessThan(700_000)
      expect((yield* ask(`/console${"/".repeat(500)}`)).status).toBe(200)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("are not there when the console is off", () =>
    Effect.gen(function* () {
      const { ask, signIn } = yield* openConsole
      const got = yield* ask("/console")
      expect([got.status, got.text]).toEqual([404, expect.not.stringContaining("console")])
      expect((yield* ask("/console/assets/Main.js")).status).toBe(404)
      expect((yield* signIn()).status).toBe(404)
      expect((yield* ask("/healthz")).status).toBe(200)
    }).pipe(Effect.provide(world({ settings: { console: "off" } })))
  )
})
