import { describe, expect, it } from "@effect/vitest"
import type { Page } from "playwright-core"
import { whyNoChromium } from "./support/Chromium.ts"
import { series, wellOverview } from "./support/Samples.ts"
import { heading, makeStage, sees } from "./support/Stage.ts"

const asked = (taken: ReadonlyArray<{ path: string }>) => taken.filter(({ path }) => path === "series").length
/** What all pictures show, so that two can be compared. */
const pictures = (page: Page) =>
  page.evaluate("[...document.querySelectorAll('canvas')].map((it) => it.toDataURL()).join()")

describe.skipIf(whyNoChromium !== undefined)("the console's overview", () => {
  const { open, service } = makeStage()

  it("says that all is well, or what is not, where, since when and what helps", async () => {
    service().script["GET overview"] = () => wellOverview(Date.now())
    const { page } = await open("")
    await page.getByRole("heading", { name: "All is well" }).waitFor()
    delete service().script["GET overview"]
    const other = await open("")
    service().script["GET overview"] = () => ({ ...wellOverview(Date.now()), ready: false, role: "standby" })
    await other.page.reload()
    await other.page.getByRole("heading", { name: "Not ready" }).waitFor()
  })

  it("shows each trouble with its cure and the name by which the log and the doctor call it", async () => {
    const { page } = await open("")
    await page.getByRole("heading", { name: "2 troubles" }).waitFor()
    const trouble = page.getByRole("article").first()
    for (const text of [
      "The push gateway is down",
      "apns",
      "214 notifications wait",
      "630 times",
      "gateway-down",
      "Cure:"
    ]) {
      expect(await trouble.textContent()).toContain(text)
    }
    for (const text of ["14,302", "15.9", "12.4 ms", "512 RSA keys ready", "3 d 3 h", "SQL Server"])
      await sees(page, text)
    await page.getByRole("row", { name: /mail\.example\.com up 48,211 18\.4 ms 134 ms/ }).waitFor()
    await page.getByRole("row", { name: /apns down 40,001 20 4 0 630 214/ }).waitFor()
  })

  it("draws charts, each with a sentence and a table for who does not see them", async () => {
    const { page } = await open("")
    const chart = page.getByRole("img", {
      name: /^Callbacks, the last hour\. Callbacks: [\d.]+ a second now, at most [\d.]+ a second at \d\d:\d\d\.$/
    })
    await chart.locator("canvas").waitFor()
    expect(await page.locator(".charts canvas").count()).toBe(7)
    await page.getByText("As a table").first().click()
    const table = page.getByRole("table", { name: /Callbacks: mean and highest value/ })
    await table.waitFor()
    expect(await table.getByRole("row").count()).toBeGreaterThan(12)
  })

  it("draws the first measurement after a start, at the end of an hour", async () => {
    const at = Date.now()
    service().script["GET series"] = () => ({
      step: 10,
      at: [at],
      lines: [{ name: "callbacks", unit: "1/s", values: [5] }]
    })
    const { page } = await open("")
    await page.locator("canvas").waitFor()
    // Where the blue of the line is, as a share of the width; empty if it is nowhere.
    const blue = `(() => {
      const canvas = document.querySelector("canvas")
      const { height, width } = canvas
      const copy = Object.assign(document.createElement("canvas"), { height, width })
      const context = copy.getContext("2d", { willReadFrequently: true })
      context.drawImage(canvas, 0, 0)
      const { data } = context.getImageData(0, 0, width, height)
      const found = []
      for (let i = 0; i < data.length; i += 4)
        if (data[i] === 29 && data[i + 1] === 95 && data[i + 2] === 174) found.push(((i / 4) % width) / width)
      return found
    })()`
    await expect.poll(() => page.evaluate(blue)).not.toEqual([])
    expect(Math.min(...((await page.evaluate(blue)) as ReadonlyArray<number>))).toBeGreaterThan(0.85)
  })

  it("updates numbers and charts by itself every ten seconds", async () => {
    const { page } = await open("")
    await page.clock.install()
    await page.reload()
    await heading(page, "Overview")
    await page.locator("canvas").nth(6).waitFor()
    await page.clock.runFor(500)
    const [before, count] = [await pictures(page), asked(service().taken)]
    service().script["GET overview"] = () => ({ ...wellOverview(Date.now()), version: "9.9.9" })
    service().script["GET series"] = () => {
      const now = series(Date.now())
      return { ...now, lines: now.lines.map((it) => ({ ...it, values: it.values.map(() => 77) })) }
    }
    await page.clock.runFor(10_000)
    await sees(page, "9.9.9")
    await page.getByRole("heading", { name: "All is well" }).waitFor()
    await page.getByRole("img", { name: /^Subscriptions, .* 77 now, at most 77/ }).waitFor()
    await page.clock.runFor(500)
    expect(asked(service().taken)).toBe(count + 1)
    expect(await pictures(page)).not.toBe(before)
  })

  it("asks for nothing while nobody looks, and at once when somebody does again", async () => {
    const { page } = await open("")
    await page.clock.install()
    await page.reload()
    await page.locator("canvas").nth(6).waitFor()
    const look = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, "hidden", { configurable: true, value: ${hidden} });
        document.dispatchEvent(new Event("visibilitychange"))`)
    await look(true)
    const count = asked(service().taken)
    await page.clock.runFor(60_000)
    expect(asked(service().taken)).toBe(count)
    await look(false)
    await expect.poll(() => asked(service().taken)).toBe(count + 1)
  })

  it("draws its charts also if what draws them could not be had at first", async () => {
    const { page } = await open("")
    await page.clock.install()
    let refused = 0
    await page.route("**/uplot.js", (route) => {
      refused++
      return route.abort()
    })
    await page.reload()
    await page.getByRole("heading", { name: "2 troubles" }).waitFor()
    await expect.poll(() => refused).toBeGreaterThan(0)
    expect(await page.locator(".charts canvas").count()).toBe(0)
    await page.unroute("**/uplot.js")
    await page.clock.runFor(10_000)
    await page.locator(".charts canvas").first().waitFor()
  })

  it("keeps what it shows while the service is away, says so, and goes on by itself", async () => {
    const { page } = await open("")
    await page.clock.install()
    await page.reload()
    await page.getByRole("heading", { name: "2 troubles" }).waitFor()
    service().state.isDown = true
    await page.clock.runFor(10_000)
    await page.getByRole("status").getByText("The service does not answer.").waitFor()
    await sees(page, /What you see is from \d\d:\d\d:\d\d\./)
    expect(await page.getByRole("heading", { name: "2 troubles" }).isVisible()).toBe(true)
    service().state.isDown = false
    await page.clock.runFor(10_000)
    await page.getByText("The service does not answer.").waitFor({ state: "detached" })
  })
})
