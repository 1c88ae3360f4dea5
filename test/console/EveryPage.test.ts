import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { describe, expect, it } from "@effect/vitest"
import type { BrowserContextOptions, Page } from "playwright-core"
import { whyNoChromium } from "./support/Chromium.ts"
import { HOSTILE, USER_ID } from "./support/Samples.ts"
import { heading, makeStage, PAGES } from "./support/Stage.ts"

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")
/** With a user's story; the other pages as they are reached. */
const FULL = [...PAGES, [`#/user/${USER_ID}`, "User"]] as const

const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
  "in light colours": {},
  "in dark colours": { colorScheme: "dark" },
  "on a phone": { viewport: { width: 360, height: 740 }, hasTouch: true },
  "on a phone, in dark colours, without motion": {
    viewport: { width: 360, height: 740 },
    colorScheme: "dark",
    reducedMotion: "reduce"
  }
}

interface Violation {
  readonly id: string
  readonly help: string
  readonly nodes: ReadonlyArray<{ readonly html: string; readonly failureSummary: string }>
}

const violations = async (page: Page) => {
  await page.evaluate(AXE)
  const found = (await page.evaluate("axe.run().then((it) => it.violations)")) as ReadonlyArray<Violation>
  return found.map(
    ({ help, id, nodes }) =>
      `${id}: ${help}: ${nodes.map((it) => `${it.html} ${it.failureSummary}`).join(" | ")}`
  )
}

const overflow = (page: Page) =>
  page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

/** Everything is there that the page asks for. */
const settled = async (page: Page, name: string) => {
  await heading(page, name)
  await page.getByText("Loading …").first().waitFor({ state: "detached" })
  if (name === "Overview") await page.locator("canvas").nth(6).waitFor()
}

describe.skipIf(whyNoChromium !== undefined)("every page of the console", () => {
  const { arrive, open } = makeStage()

  for (const [look, options] of Object.entries(LOOKS)) {
    it(`can be used by everybody and fits, ${look}`, async () => {
      const signIn = await arrive("", options)
      await heading(signIn.page, "ENS console")
      await signIn.page.getByLabel("Admin token").waitFor()
      expect(await violations(signIn.page)).toEqual([])
      expect(await overflow(signIn.page)).toBe(0)
      const { page } = await open("#/", options)
      for (const [address, name] of FULL) {
        await page.evaluate(`location.hash = "${address}"`)
        await settled(page, name)
        expect(await violations(page), name).toEqual([])
        expect(await overflow(page), name).toBe(0)
      }
    })
  }

  it("asks in dialogs that can be used by everybody and fit, on a phone", async () => {
    const { page } = await open("#/tokens", LOOKS["on a phone"] ?? {})
    await settled(page, "Tokens")
    for (const name of ["Rotate 1, phones", "Revoke 1, phones"]) {
      await page.getByRole("button", { name }).click()
      await page.getByRole("dialog").waitFor()
      expect(await violations(page), name).toEqual([])
      expect(await overflow(page), name).toBe(0)
      await page.keyboard.press("Escape")
      await page.getByRole("dialog").waitFor({ state: "detached" })
    }
  })

  it("shows what others named as text, and never as a page's part", async () => {
    const { page } = await open("#/")
    for (const [address, name] of FULL) {
      if (name === "Certificates" || name === "Log level" || address === "#/user") continue
      await page.evaluate(`location.hash = "${address}"`)
      await settled(page, name)
      await page.getByText(HOSTILE).first().waitFor()
      expect(await page.locator("main b, main img").count(), name).toBe(0)
      expect(await page.title()).not.toContain("taken")
    }
  })

  it("is reached by keyboard alone, and its heading has the focus then", async () => {
    const { page } = await open("#/")
    await settled(page, "Overview")
    const focused = async () => String(await page.evaluate("document.activeElement.textContent.trim()"))
    for (const [address, name] of [...PAGES.slice(1), PAGES[0]]) {
      await page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges()")
      await page.evaluate("document.querySelector('.skip').focus()")
      for (let i = 0; i < 8 && !(await focused()).startsWith(name); i++) await page.keyboard.press("Tab")
      expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid")
      await page.keyboard.press("Enter")
      await settled(page, name)
      expect(await focused()).toBe(name)
      expect(await page.title()).toBe(`${name} – ENS console`)
      expect(new URL(page.url()).hash).toBe(address)
      expect(await page.locator("nav [aria-current=page]").textContent()).toContain(name)
    }
  })

  it("lets the keyboard skip to the content and reach each button", async () => {
    const { page } = await open(`#/user/${USER_ID}`)
    await page.getByRole("button", { name: "Send a test notification" }).waitFor()
    await page.reload()
    await page.getByRole("button", { name: "Send a test notification" }).waitFor()
    await page.evaluate("document.activeElement.blur()")
    await page.locator(".skip").focus()
    await page.keyboard.press("Enter")
    expect(await page.evaluate("document.activeElement.tagName")).toBe("H1")
    const reached: Array<string> = []
    for (let i = 0; i < 6; i++) {
      await page.keyboard.press("Tab")
      reached.push(
        (await page.evaluate(
          "document.activeElement.textContent.trim() || document.activeElement.id"
        )) as string
      )
    }
    expect(reached).toEqual([
      "address",
      "Look up",
      "Send a test notification",
      "Ask the app to register again",
      "Forget the user …",
      expect.anything()
    ])
  })

  it("is told by the address: back and forth, and an unknown one is the overview", async () => {
    const { page } = await open("#/audit")
    await settled(page, "Audit")
    await page.getByRole("link", { name: "Tokens" }).click()
    await settled(page, "Tokens")
    await page.goBack()
    await settled(page, "Audit")
    await page.evaluate("location.hash = '#/nothing'")
    await settled(page, "Overview")
  })

  it("comes in less than 100 kB", async () => {
    const { Effect } = await import("effect")
    const { consoleAssets } = await import("../../src/console/Assets.ts")
    const bytes = [...Effect.runSync(consoleAssets).values()].reduce(
      (sum, { gzipped }) => sum + gzipped.length,
      0
    )
    expect(bytes).toBeLessThan(100_000)
  })
})
