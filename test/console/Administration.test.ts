import { describe, expect, it } from "@effect/vitest"
import { whyNoChromium } from "./support/Chromium.ts"
import { Answer } from "./support/ConsoleStandIn.ts"
import { HOSTILE } from "./support/Samples.ts"
import { makeStage, sees } from "./support/Stage.ts"

describe.skipIf(whyNoChromium !== undefined)(
  "the console's pages of tokens, certificates, audit and log level",
  () => {
    const { open, service } = makeStage()
    const posts = (path: string) => service().taken.filter((it) => it.method === "POST" && it.path === path)

    it("a new token is shown once, ready to be copied", async () => {
      const { page } = await open("#/tokens", { permissions: ["clipboard-read", "clipboard-write"] })
      await page.getByLabel("Label").fill("phones of the branch")
      await page.getByLabel("EWS URL").fill("https://mail.example.com/EWS/Exchange.asmx")
      await page.getByRole("button", { name: "Make a token" }).click()
      const shown = page.getByLabel("Token 3 of tenant default, shown this once")
      await shown.waitFor()
      expect(await shown.inputValue()).toBe("ens_shown-this-once")
      expect(await page.evaluate("document.activeElement.id")).toBe("made")
      expect(JSON.parse(service().taken.findLast(({ method }) => method === "POST")!.body)).toEqual({
        label: "phones of the branch",
        tenant: "default",
        ewsUrl: "https://mail.example.com/EWS/Exchange.asmx"
      })
      await page.getByRole("button", { name: "Copy the token" }).click()
      await page.getByRole("status").getByText("Copied.").waitFor()
      await page.getByRole("textbox", { name: "Tenant", exact: true }).focus()
      await page.keyboard.press("Control+V")
      expect(await page.getByRole("textbox", { name: "Tenant", exact: true }).inputValue()).toBe(
        "ens_shown-this-once"
      )
      await page.getByRole("textbox", { name: "Tenant", exact: true }).clear()
      await page.getByRole("button", { name: "I have kept it" }).click()
      await shown.waitFor({ state: "detached" })
      expect(await page.content()).not.toContain("ens_shown-this-once")
    })

    it("a token that is not made is told", async () => {
      service().script["POST tokens"] = () => new Answer(400, { problem: "The EWS URL is not https." })
      const { page } = await open("#/tokens")
      await page.getByLabel("Label").fill("x")
      await page.keyboard.press("Enter")
      await page.getByRole("alert").getByText("The EWS URL is not https.").waitFor()
    })

    it("a token is made once, however often the button is clicked", async () => {
      const { page } = await open("#/tokens")
      await page.getByLabel("Label").fill("x")
      await page.evaluate(
        `for (let n = 0; n < 3; n += 1) document.querySelector("form.panel button[type=submit]").click()`
      )
      await page.getByLabel("Token 3 of tenant default, shown this once").waitFor()
      expect(posts("tokens")).toHaveLength(1)
      // And another one when the first is there.
      await page.getByLabel("Label").fill("y")
      await page.keyboard.press("Enter")
      while (posts("tokens").length < 2) await page.waitForTimeout(20)
    })

    it("tokens say when they were used last and when they end", async () => {
      const { page } = await open("#/tokens")
      await page.getByRole("row", { name: /^1 phones default .*3 min ago.*still used.*in \d d/ }).waitFor()
      await page.getByRole("row", { name: /^2 .*never.*never/ }).waitFor()
      await page.getByRole("row", { name: /^admin-1 night shift .*2 h ago.*ended/ }).waitFor()
      expect(await page.getByRole("button", { name: "Rotate admin-1, night shift" }).count()).toBe(0)
    })

    it("a token is rotated with the overlap that was chosen, and the new one is shown once", async () => {
      const { page } = await open("#/tokens")
      await page.getByRole("button", { name: "Rotate 1, phones" }).click()
      await page.getByRole("button", { name: "Cancel" }).click()
      expect(posts("tokens/1/rotations")).toEqual([])
      await page.getByRole("button", { name: "Rotate 1, phones" }).click()
      const days = page.getByLabel("Days for which the old one stays valid")
      expect(await days.inputValue()).toBe("30")
      await days.fill("7")
      await page.evaluate(
        `for (let n = 0; n < 3; n += 1) document.querySelector("dialog button[type=submit]").click()`
      )
      const shown = page.getByLabel("Token 4 of tenant default, in place of 1, shown this once")
      await shown.waitFor()
      expect(await shown.inputValue()).toBe("ens_rotated-this-once")
      expect(await page.evaluate("document.activeElement.id")).toBe("made")
      expect(posts("tokens/1/rotations").map(({ body }) => JSON.parse(body))).toEqual([{ overlapDays: 7 }])
      await page.getByRole("button", { name: "I have kept it" }).click()
      await shown.waitFor({ state: "detached" })
      expect(await page.content()).not.toContain("ens_rotated-this-once")
    })

    it("an admin token is rotated by who has it", async () => {
      const { page } = await open("#/tokens")
      await page.getByRole("button", { name: "Rotate admin-2, day shift" }).click()
      await page.keyboard.press("Enter")
      expect(posts("admin-tokens/admin-2/rotations")).toEqual([])
      const field = page.getByLabel("Admin token admin-2 itself")
      expect(await field.getAttribute("type")).toBe("password")
      await field.fill("ensadm-mine")
      await page.keyboard.press("Enter")
      const shown = page.getByLabel("Token admin-3, in place of admin-2, shown this once")
      await shown.waitFor()
      expect(posts("admin-tokens/admin-2/rotations").map(({ body }) => JSON.parse(body))).toEqual([
        { overlapDays: 30, token: "ensadm-mine" }
      ])
      expect(await page.content()).not.toContain("ensadm-mine")
    })

    it("a token that is not rotated is told where it was asked", async () => {
      service().script["POST tokens/1/rotations"] = () =>
        new Answer(404, { problem: "there is no such token" })
      const { page } = await open("#/tokens")
      await page.getByRole("button", { name: "Rotate 1, phones" }).click()
      await page.keyboard.press("Enter")
      await page.getByRole("dialog").getByRole("alert").getByText("there is no such token").waitFor()
    })

    for (const [button, path] of [
      [`Revoke 2, ${HOSTILE}`, "tokens/2"],
      ["Revoke admin-1, night shift", "admin-tokens/admin-1"]
    ] as const) {
      it(`a token is revoked after a second yes: ${path}`, async () => {
        const { page } = await open("#/tokens")
        const deletes = () =>
          service()
            .taken.filter(({ method }) => method === "DELETE")
            .map((it) => it.path)
        await page.getByRole("button", { name: button }).click()
        await page.getByRole("button", { name: "Cancel" }).click()
        expect(deletes()).toEqual([])
        await page.getByRole("button", { name: button }).click()
        await page.getByRole("button", { name: "Revoke", exact: true }).click()
        await page.getByRole("status").getByText("is revoked.").waitFor()
        expect(deletes()).toEqual([path])
      })
    }

    it("certificates say how many days are left, and pins what they are", async () => {
      const { page } = await open("#/certificates")
      await page.getByRole("row", { name: /CNS client certificate .* 3 days left/ }).waitFor()
      await page.getByRole("row", { name: /APNs key – not known/ }).waitFor()
      await page.getByRole("row", { name: /cns\.example\.com 5e:5e:.* ens pin add/ }).waitFor()
    })

    it("the audit says who did what", async () => {
      const { page } = await open("#/audit")
      await page.getByRole("row", { name: /admin-1 night shift user\.forget .* failed/ }).waitFor()
    })

    it("the log level is set for as long as chosen", async () => {
      const { page } = await open("#/log-level")
      expect(await page.getByRole("radio", { name: /^info/ }).isChecked()).toBe(true)
      await page.getByRole("radio", { name: /^debug/ }).check()
      await page.getByLabel("For how long").selectOption("1 hour")
      const before = Date.now()
      await page.getByRole("button", { name: "Set the level" }).click()
      await page.getByRole("status").getByText("The level is debug now.").waitFor()
      await sees(page, /Now: debug, until \d\d/)
      const put = JSON.parse(service().taken.find(({ method }) => method === "PUT")!.body)
      expect(put.level).toBe("debug")
      expect(Math.abs(put.until - before - 3_600_000)).toBeLessThan(60_000)
      await page.getByLabel("For how long").selectOption("until the next start")
      await page.getByRole("button", { name: "Set the level" }).click()
      await page.getByText(/Now: debug\./).waitFor()
      expect(JSON.parse(service().taken.findLast(({ method }) => method === "PUT")!.body).until).toBe(null)
    })
  }
)
