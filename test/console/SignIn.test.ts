import { describe, expect, it } from "@effect/vitest"
import { whyNoChromium } from "./support/Chromium.ts"
import { Answer, PROOF, TOKEN } from "./support/ConsoleStandIn.ts"
import { heading, makeStage, PAGES, sees } from "./support/Stage.ts"

describe.skipIf(whyNoChromium !== undefined)("signing in to the console", () => {
  const { arrive, open, service } = makeStage()

  it("a pasted token opens the page that was asked for, and stays nowhere in the browser", async () => {
    const { page, sent } = await arrive("#/tokens")
    await page.getByLabel("Admin token").fill(` ${TOKEN} `)
    await page.keyboard.press("Enter")
    await heading(page, "Tokens")
    expect(service().taken.find(({ method }) => method === "POST")?.body).toBe(
      JSON.stringify({ token: TOKEN })
    )
    expect(sent.filter((it) => it.includes(TOKEN))).toHaveLength(1)
    expect(page.url()).not.toContain(TOKEN)
    const kept = await page.evaluate(
      "JSON.stringify([{ ...localStorage }, { ...sessionStorage }]) + document.cookie"
    )
    expect(kept).toBe("[{},{}]")
    await page.reload()
    await heading(page, "Tokens")
  })

  it("a wrong token is refused in words, which the field is described by", async () => {
    const { page } = await arrive("")
    await page.getByLabel("Admin token").fill("ensadm-wrong")
    await page.getByRole("button", { name: "Sign in" }).click()
    await page.getByRole("alert").getByText("This is no admin token.").waitFor()
    expect(await page.getByLabel("Admin token").getAttribute("aria-invalid")).toBe("true")
    expect(await page.evaluate("document.activeElement.id")).toBe("token")
    await sees(page, "ens token create --admin")
  })

  it("a password manager finds a name and a password", async () => {
    const { page } = await arrive("")
    await page.getByLabel("Admin token").waitFor()
    const fields = await page
      .locator("form input")
      .evaluateAll((all) => all.map((it) => it.getAttribute("autocomplete")))
    expect(fields).toEqual(["username", "current-password"])
  })

  it("signing out ends the session at the service and shows nothing more", async () => {
    const { page } = await open("#/tokens")
    await page.getByRole("button", { name: "Sign out" }).click()
    await page.getByLabel("Admin token").waitFor()
    expect(service().taken.at(-1)).toMatchObject({ method: "DELETE", path: "session" })
    expect(service().taken.at(-1)?.headers["x-ens-console"]).toBe(PROOF)
    expect(await page.getByText("phones").count()).toBe(0)
  })

  it("a session that ends is told by every page that asks, and signing in goes on where one was", async () => {
    const { page } = await open("#/audit")
    await heading(page, "Audit")
    // The search for a user asks for nothing by itself; see the next test.
    for (const [address, name] of PAGES.filter(([it]) => it !== "#/user")) {
      service().state.isSignedIn = false
      await page.evaluate(`location.hash = "${address}"`)
      await sees(page, "Your session has ended.")
      await page.getByLabel("Admin token").fill(TOKEN)
      await page.keyboard.press("Enter")
      await heading(page, name)
    }
  })

  it("a session that ends while nobody touches the page is noticed within a minute", async () => {
    const { page } = await open("#/audit")
    await page.clock.install()
    await page.reload()
    await heading(page, "Audit")
    service().state.isSignedIn = false
    await page.clock.runFor(60_000)
    await sees(page, "Your session has ended.")
  })

  it("a page that nobody touches stops asking for what keeps its session alive", async () => {
    const { page } = await open("#/audit")
    await page.clock.install()
    await page.reload()
    await heading(page, "Audit")
    const asked = (path: string) => service().taken.filter((it) => it.path === path).length
    for (let i = 0; i < 12; i++) await page.clock.runFor(60_000)
    const [audits, overviews] = [asked("audits"), asked("overview")]
    expect(audits).toBeGreaterThan(10)
    for (let i = 0; i < 3; i++) await page.clock.runFor(60_000)
    await expect.poll(() => asked("overview")).toBeGreaterThan(overviews)
    expect(asked("audits")).toBe(audits)
    await page.keyboard.press("Shift")
    await page.clock.runFor(60_000)
    await expect.poll(() => asked("audits")).toBeGreaterThan(audits)
  })

  it("a service that is away at the start is told, and asked again", async () => {
    service().script["GET session"] = () => new Answer(502)
    const { page } = await open("#/audit")
    await sees(page, "The answer was 502.")
    delete service().script["GET session"]
    service().script["GET session"] = () => ({ label: "x", proof: PROOF, expiresAt: Date.now() + 120_000 })
    await page.getByRole("button", { name: "Try again" }).click()
    await heading(page, "Audit")
  })
})
