import { existsSync } from "node:fs"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"

/** Debian's, or another one that is named. */
const PROGRAM = process.env["CHROMIUM"] ?? "/usr/bin/chromium"

/** Undefined if there is one. */
export const whyNoChromium = existsSync(PROGRAM)
  ? undefined
  : "chromium is not installed (apt-get install chromium)"
if (whyNoChromium !== undefined)
  console.warn(`SKIPPED: the console is not tried in a browser: ${whyNoChromium}`)

/** A name that leads to this machine and is no loopback for the browser: no secure context. */
export const ELSEWHERE = "ens.test"

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: PROGRAM,
    // Without a kernel's sandbox, which root and containers do not have; the pages are our own.
    args: ["--no-sandbox", `--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`]
  })

/** A page that notes what a good console never does. */
export interface Watched {
  readonly page: Page
  /** Errors in the browser's console, violations of the policy, and requests to other origins. */
  readonly wrongs: ReadonlyArray<string>
  /** Addresses, headers and bodies of all requests. */
  readonly sent: ReadonlyArray<string>
}

/** The browser's own about answers that are no success, and about a header that counts only in secure contexts. */
const NOTES = /^Failed to load resource|^The Cross-Origin-Opener-Policy header has been ignored/

export const openPage = async (
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {}
): Promise<Watched> => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  context.setDefaultTimeout(20_000)
  const page = await context.newPage()
  const [wrongs, sent]: [Array<string>, Array<string>] = [[], []]
  page.on("console", (message) => {
    const text = message.text()
    if (/error|warning/.test(message.type()) && !NOTES.test(text)) wrongs.push(text)
  })
  page.on("pageerror", (error) => wrongs.push(String(error)))
  page.on("request", (request) => {
    sent.push(`${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ""}`)
    if (new URL(request.url()).origin !== origin) wrongs.push(`request to ${request.url()}`)
  })
  await page.addInitScript({
    content: `addEventListener("securitypolicyviolation", (event) =>
      console.error("policy: " + event.violatedDirective + " " + event.blockedURI + " " + event.sample))`
  })
  return { page, wrongs, sent }
}
