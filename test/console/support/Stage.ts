import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from "@effect/vitest"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { launch, openPage, type Watched, whyNoChromium } from "./Chromium.ts"
import { type StandIn, startStandIn } from "./ConsoleStandIn.ts"

/** Addresses of all pages, with their headings. */
export const PAGES = [
  ["#/", "Overview"],
  ["#/user", "User"],
  ["#/tokens", "Tokens"],
  ["#/certificates", "Certificates"],
  ["#/audit", "Audit"],
  ["#/log-level", "Log level"]
] as const

/**
 * A browser for a file's tests and a stand-in of the service for each test. After each, every page that was opened must
 * have done nothing wrong.
 */
export const makeStage = () => {
  // A browser is many processes, and other tests run beside it.
  vi.setConfig({ testTimeout: 90_000 })
  let browser: Browser
  let standIn: StandIn
  let opened: Array<Watched> = []
  beforeAll(async () => {
    if (whyNoChromium === undefined) browser = await launch()
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    opened = []
    standIn = await startStandIn()
  })
  afterEach(async () => {
    const wrongs = opened.flatMap((it) => it.wrongs)
    await Promise.all(opened.map(({ page }) => page.context().close()))
    await standIn.stop()
    expect(wrongs).toEqual([])
  })
  /** Without a session. */
  const arrive = async (address: string, options: BrowserContextOptions = {}, host = "127.0.0.1") => {
    const origin = `http://${host}:${standIn.port}`
    const watched = await openPage(browser, origin, options)
    opened.push(watched)
    await watched.page.goto(`${origin}/console${address}`)
    return watched
  }
  return {
    /** Of this test. */
    service: () => standIn,
    arrive,
    /** With a session. */
    open: (address: string, options: BrowserContextOptions = {}, host?: string) => {
      standIn.state.isSignedIn = true
      return arrive(address, options, host)
    }
  }
}

/** The page's heading of the first order is this one, once it is there. */
export const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name }).waitFor()

/** Waits until an element with this text can be seen. */
export const sees = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor()
