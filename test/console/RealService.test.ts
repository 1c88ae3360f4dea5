import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { userIdOfAddress } from "../../schemas/Ids.ts"
import { ALICE, rehearse, within } from "../e2e/Rehearsal.ts"
import { startService } from "../support/ServiceFixture.ts"
import { launch, openPage, whyNoChromium } from "./support/Chromium.ts"
import { HOSTILE } from "./support/Samples.ts"
import { heading, sees } from "./support/Stage.ts"

const ADMIN = "ensadm-token-of-the-browser-test"

/** The service with a registered iPhone, stand-ins of Exchange and CNS, and a browser at the console. */
const start = Effect.gen(function* () {
  const stage = yield* rehearse()
  const { adminUrl, database } = stage.installation
  yield* Effect.flatMap(Storage, (storage) =>
    Effect.forEach([ADMIN, `${ADMIN}-2`], (token) =>
      storage.createAdminToken({ label: HOSTILE, hash: hashApiToken(token), createdAt: 0 })
    )
  ).pipe(Effect.provide(SqliteStorage.layer(database)))
  yield* startService(stage.installation)
  const iphone = yield* stage.phone("iOS")
  yield* iphone.register()
  yield* within(
    stage.exchange.until(() => stage.exchange.deliveries().some(({ outcome }) => outcome === "OK")),
    "the first status event"
  )
  const browser = yield* Effect.acquireRelease(Effect.promise(launch), (it) =>
    Effect.promise(() => it.close())
  )
  const watched = yield* Effect.promise(() => openPage(browser, adminUrl))
  const { page } = watched
  const signIn = async () => {
    await page.getByLabel("Admin token").fill(ADMIN)
    await page.getByRole("button", { name: "Sign in" }).click()
  }
  const visit = async (name: string) => {
    await page.getByRole("link", { name: new RegExp(`^${name}`) }).click()
    await heading(page, name)
  }
  const press = (name: string) => page.getByRole("button", { name, exact: true }).click()
  return { ...stage, ...watched, adminUrl, iphone, signIn, visit, press }
})

describe.skipIf(whyNoChromium !== undefined)("the console in a browser, with the real service", () => {
  it.scopedLive(
    "shows what is, and all its buttons do what they say",
    () =>
      Effect.gen(function* () {
        const { adminUrl, cns, exchange, iphone, page, press, sent, shown, signIn, visit, wrongs } =
          yield* start
        yield* Effect.promise(async () => {
          await page.goto(`${adminUrl}/console`)
          await signIn()
          await heading(page, "Overview")
          await page.getByRole("row", { name: new RegExp(`^${new URL(exchange.url).host} up `) }).waitFor()
          await page.getByRole("row", { name: /^cns up / }).waitFor()
          await page.locator("canvas").nth(6).waitFor()
          await page.getByRole("banner").getByText(HOSTILE).waitFor()

          await visit("User")
          await page.getByLabel("Address or user id").fill(ALICE.address)
          await press("Look up")
          await sees(page, "Exchange calls back")
          await sees(page, /^Registration /)
          await press("Send a test notification")
          await page.getByRole("status").getByText("Test: device 1 (iOS): the gateway took it.").waitFor()
        })
        yield* within(
          cns.until(() => shown(iphone).length === 1),
          "the test notification"
        )
        yield* Effect.promise(async () => {
          await sees(page, /^Administrator /)
          await press("Send a test notification")
          await page.getByRole("status").getByText("has just been tested").waitFor()
          await press("Ask the app to register again")
        })
        yield* within(
          cns.until(() => shown(iphone).length === 2),
          "the silent push"
        )
        yield* Effect.promise(async () => {
          await press("Forget the user …")
          await press("Forget the user")
          await page.getByRole("status").getByText("Forgotten: 1 device").waitFor()
          await page.getByRole("heading", { name: "Nobody here has this address" }).waitFor()

          await visit("Tokens")
          await page.getByLabel("Label").fill(HOSTILE)
          await page.getByLabel("EWS URL").fill("https://mail.example.com/EWS/Exchange.asmx")
          await press("Make a token")
          const made = page.getByLabel(/^Token \d+ of tenant default, shown this once$/)
          expect(await made.inputValue()).toMatch(/^ens_/)
          const id = /\d+/.exec((await page.locator("label[for=made]").textContent()) ?? "")?.[0]
          await press("I have kept it")
          const revoke = page.getByRole("button", { name: `Revoke ${id}, ${HOSTILE}` })
          await revoke.click()
          await press("Revoke")
          await page.getByRole("status").getByText("is revoked.").waitFor()
          await revoke.waitFor({ state: "detached" })

          await visit("Certificates")
          await page.getByRole("heading", { name: "Pins" }).waitFor()
          await visit("Log level")
          await page.getByRole("radio", { name: /^debug/ }).check()
          await press("Set the level")
          await page.getByRole("status").getByText("The level is debug now.").waitFor()
          await sees(page, /Now: debug, until /)

          await visit("Audit")
          for (const action of ["console.sign-in", "user.test", "user.ask", "user.forget", "log.level"])
            await sees(page, action)

          await press("Sign out")
          await page.getByLabel("Admin token").fill("ensadm-wrong")
          await press("Sign in")
          await page.getByRole("alert").getByText(/\S/).waitFor()
          await signIn()
          await visit("Tokens")
          await page.getByRole("button", { name: /^Revoke admin-1, / }).click()
          await press("Revoke")
          await sees(page, "Your session has ended.")
        })
        expect(wrongs).toEqual([])
        expect(sent.join("\n").toLowerCase()).not.toContain(ALICE.address)
        expect(sent.join("\n")).toContain(userIdOfAddress(ALICE.address))
      }),
    120_000
  )
})
