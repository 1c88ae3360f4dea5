import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { ensProcess } from "../support/EnsProcess.ts"
import { startService } from "../support/ServiceFixture.ts"
import { eventually, rehearse, within } from "./Rehearsal.ts"

describe("a new master key", () => {
  it.scopedLive(
    "breaks no callback URL, which is made anew by its next mail, and phones notice nothing",
    () =>
      Effect.gen(function* () {
        const { about, cns, exchange, installation, mail, phone } = yield* rehearse()
        const before = yield* startService(installation)
        const alices = yield* phone("iOS")
        expect((yield* alices.register()).status).toBe(200)
        const [old] = exchange.subscriptions()
        yield* before.stop
        const keyFile = join(installation.directory, "master.key")
        const key = readFileSync(keyFile, "utf8")
        const rotated = yield* ensProcess(["secret", "rotate", "--json"], "", installation.environment)
        expect(rotated).toMatchObject({ code: 0, err: "" })
        expect(JSON.parse(rotated.out).keys).toMatchObject({ seal: 1, registration: 1, unreadable: 0 })
        expect(readFileSync(keyFile, "utf8")).not.toBe(key)

        yield* startService(installation)
        const item = yield* mail("With the URL of the old key")
        yield* within(
          cns.until(() => about(alices, item).length === 1),
          "the mail"
        )
        yield* eventually(
          () => exchange.subscriptions().some(({ id }) => id !== old?.id),
          "the subscription to be made anew",
          20
        )
        const next = yield* mail("With the URL of the new one")
        yield* within(
          cns.until(() => about(alices, next).length > 0),
          "the next mail"
        )
        yield* within(
          exchange.until(
            () => exchange.deliveries().filter(({ itemIds }) => itemIds.includes(next)).length === 2
          ),
          "both URLs to be called"
        )
        expect(new Set(exchange.deliveries().map(({ outcome }) => outcome))).toEqual(new Set(["OK"]))
        // Its log-in is the same: the mailbox is recognised.
        expect((yield* alices.register()).status).toBe(200)
      })
  )
})
