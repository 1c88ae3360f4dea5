import { createHash } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { ELSEWHERE, whyNoChromium } from "./support/Chromium.ts"
import { Answer, PROOF } from "./support/ConsoleStandIn.ts"
import { ADDRESS, USER_ID } from "./support/Samples.ts"
import { makeStage, sees } from "./support/Stage.ts"

describe.skipIf(whyNoChromium !== undefined)("a user's page of the console", () => {
  const { open, service } = makeStage()

  // Only https and loopback have WebCrypto, so the page hashes in two ways.
  for (const [where, host] of [
    ["on this machine", "127.0.0.1"],
    ["over plain http from elsewhere", ELSEWHERE]
  ] as const) {
    it(`an address, ${where}, is hashed in the browser and leaves it in no form`, async () => {
      const { page, sent } = await open("#/user", {}, host)
      expect(await page.evaluate("isSecureContext")).toBe(host !== ELSEWHERE)
      // Some browsers send what they check.
      expect(await page.getByLabel("Address or user id").getAttribute("spellcheck")).toBe("false")
      await page.getByLabel("Address or user id").fill(`  ${ADDRESS} `)
      await page.getByRole("button", { name: "Look up" }).click()
      await sees(page, "Overdue")
      expect(page.url()).toMatch(new RegExp(`/console#/user/${USER_ID}$`))
      expect(service().taken.map(({ path }) => path)).toContain(`users/${USER_ID}`)
      const said = `${sent.join("\n")}${JSON.stringify(service().taken)}${page.url()}`
      expect(said.toLowerCase()).not.toContain("alice")
      expect(said).not.toContain(encodeURIComponent(ADDRESS))
      expect(await page.evaluate("document.activeElement.textContent.trim()")).toBe("User")
    })
  }

  it("hashes texts of all lengths as everybody else does", async () => {
    const { page } = await open("#/user")
    const digests = await page.evaluate(`import("/console/assets/UserId.js").then(({ sha256 }) =>
      Array.from({ length: 200 }, (_, n) => [...sha256(new TextEncoder().encode("ä".repeat(n)))]))`)
    const expected = Array.from({ length: 200 }, (_, n) => [
      ...createHash("sha256").update("ä".repeat(n)).digest()
    ])
    expect(digests).toEqual(expected)
  })

  it("what is neither address nor id is told, and asks for nothing", async () => {
    const { page } = await open("#/user")
    await page.getByLabel("Address or user id").fill("alice")
    await page.keyboard.press("Enter")
    await page.getByRole("alert").getByText("Type a whole address").waitFor()
    expect(service().taken.some(({ path }) => path.startsWith("users/"))).toBe(false)
  })

  it("tells the whole story: state, advice, devices, given up, and what happened with cures", async () => {
    const { page } = await open(`#/user/${USER_ID}`)
    await sees(page, "Exchange has not called for 48 minutes")
    await page
      .getByRole("row", { name: /iOS 9f86d081 com\.example\.mail sender and subject production/ })
      .waitFor()
    await page.getByRole("row", { name: /new mail, iOS tokenDead: 410 Unregistered/ }).waitFor()
    await sees(page, /^Heartbeat 12 × between \d\d:\d\d and \d\d:\d\d/)
    await sees(page, /^Error Exchange refuses the log-in \(401\): </)
    await sees(page, "Cure: check user name, password, domain or token")
  })

  it("an unknown user is told what that may mean", async () => {
    const id = "0".repeat(64)
    service().script[`GET users/${id}`] = () => ({ userId: id, users: [] })
    const { page } = await open(`#/user/${id}`)
    await page.getByRole("heading", { name: "Nobody here has this address" }).waitFor()
  })

  it("each button does what it says, and the result is read out", async () => {
    const { page } = await open(`#/user/${USER_ID}`)
    for (const [button, action] of [
      ["Send a test notification", "test"],
      ["Ask the app to register again", "ask"]
    ] as const) {
      await page.getByRole("button", { name: button }).click()
      await page.getByRole("status").getByText(`${action}: done for 2 devices.`).waitFor()
      const { body, headers } = service().taken.findLast(({ method }) => method === "POST")!
      expect(JSON.parse(body)).toEqual({ tenant: "default", action })
      expect(headers).toMatchObject({ "x-ens-console": PROOF, "content-type": "application/json" })
    }
  })

  it("what fails is read out, too", async () => {
    service().script[`POST users/${USER_ID}/actions`] = () =>
      new Answer(409, { problem: "No gateway is up." })
    const { page } = await open(`#/user/${USER_ID}`)
    await page.getByRole("button", { name: "Send a test notification" }).click()
    await page.getByRole("status").getByText("No gateway is up.").waitFor()
  })

  it("a user is forgotten only after a second yes", async () => {
    const { page } = await open(`#/user/${USER_ID}`)
    const forget = page.getByRole("button", { name: "Forget the user …" })
    const posts = () => service().taken.filter(({ method }) => method === "POST")
    for (const leave of [
      () => page.keyboard.press("Escape"),
      () => page.getByRole("button", { name: "Cancel" }).click()
    ]) {
      await forget.focus()
      await page.keyboard.press("Enter")
      await page.getByRole("dialog", { name: "Forget this user?" }).waitFor()
      expect(await page.evaluate("document.activeElement.textContent.trim()")).toBe("Cancel")
      await leave()
      await page.getByRole("dialog").waitFor({ state: "detached" })
      expect(await page.evaluate("document.activeElement.textContent.trim()")).toBe("Forget the user …")
    }
    expect(posts()).toEqual([])
    await forget.click()
    await page.getByRole("button", { name: "Forget the user", exact: true }).click()
    await page.getByRole("status").getByText("forget: done for 2 devices.").waitFor()
    expect(posts().map(({ body }) => JSON.parse(body).action)).toEqual(["forget"])
  })
})
