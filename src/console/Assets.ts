import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, extname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { Effect } from "effect"
import { FAULT_NAMES, faultOf } from "../../schemas/Fault.ts"

/** A file that the console's pages are made of. */
export interface Asset {
  readonly contentType: string
  readonly body: Uint8Array
  /** The same for who accepts `Content-Encoding: gzip`. */
  readonly gzipped: Uint8Array
  /** With its quotes. Names do not change with their content, so a browser has to ask again (`no-cache`). */
  readonly etag: string
}

/**
 * All files by their path (`/console/assets/Main.js`), read once: the folder `assets` as it is, and the few files of
 * packages that it imports. The page itself is `SHELL`; the pages' addresses are behind its `#`, so one path serves all.
 */
export const consoleAssets: Effect.Effect<ReadonlyMap<string, Asset>> = Effect.sync(() => {
  const own = readdirSync(OWN)
    .filter((name) => extname(name) in TYPES)
    .map((name) => [name, readFileSync(join(OWN, name), "utf8")] as const)
  const foreign = FOREIGN.map((it) => [it.name, `${it.text()}${it.end ?? ""}`] as const)
  return new Map([...own, ...foreign].map(([name, text]) => [`${FOLDER}${name}`, asset(name, text)]))
})

const FOLDER = "/console/assets/"
/** The key of the page in `consoleAssets`. */
export const SHELL = `${FOLDER}index.html`

/**
 * For the page: its own files and API, nothing in line, nothing from elsewhere, in nobody's frame. Scripts set styles
 * through the DOM only, which needs no leave.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'"
].join("; ")

const OWN = fileURLToPath(new URL("./assets/", import.meta.url))

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml"
}

const asset = (name: string, text: string): Asset => {
  const type = extname(name)
  const body = Buffer.from(type === ".js" ? withPaths(text) : text)
  return {
    contentType: TYPES[type]!,
    body,
    gzipped: gzipSync(body, { level: 9 }),
    etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`
  }
}

const require = createRequire(import.meta.url)
/** A file beside the one that a specifier leads to. */
const beside = (specifier: string, file: string) => () =>
  readFileSync(join(dirname(require.resolve(specifier)), file), "utf8").replace(
    /^\/\/# sourceMappingURL=.*$/m,
    ""
  )

interface Foreign {
  /** What modules import; "" = none does. */
  readonly specifier: string
  /** As it is served. */
  readonly name: string
  readonly text: () => string
  /** Comes behind it. */
  readonly end?: string
}

const FOREIGN: ReadonlyArray<Foreign> = [
  { specifier: "preact", name: "preact.js", text: beside("preact", "preact.module.js") },
  { specifier: "preact/hooks", name: "preact-hooks.js", text: beside("preact/hooks", "hooks.module.js") },
  { specifier: "htm", name: "htm.js", text: beside("htm", "htm.module.js") },
  { specifier: "htm/preact", name: "htm-preact.js", text: beside("htm/preact", "index.module.js") },
  // The only small form of uPlot is a plain script that makes a variable; as a module it has to hand it out.
  {
    specifier: "uplot",
    name: "uplot.js",
    text: beside("uplot", "uPlot.iife.min.js"),
    end: "\nexport default uPlot\n"
  },
  // The causes and cures, from the one catalogue.
  {
    specifier: "",
    name: "Faults.js",
    text: () =>
      `export default ${JSON.stringify(Object.fromEntries(FAULT_NAMES.map((it) => [it, faultOf(it)])))}\n`
  },
  { specifier: "", name: "uplot.css", text: beside("uplot", "uPlot.min.css") }
]

const PATHS = new Map(FOREIGN.map((it) => [it.specifier, `./${it.name}`]))

/** Browsers know no names of packages, and a map of them would have to be a script in line. */
const withPaths = (text: string) =>
  text.replace(
    /(\bfrom\s*|\bimport\(|\bimport\s*)"([^"./][^"]*)"/g,
    (whole, before: string, specifier: string) => {
      const path = PATHS.get(specifier)
      return path === undefined ? whole : `${before}"${path}"`
    }
  )
