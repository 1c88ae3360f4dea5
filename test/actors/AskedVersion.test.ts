import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { askedVersion, DEFAULT_VERSION } from "../../actors/jobs/AskedVersion.ts"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import { inWorld } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"

describe("the version that is asked of Exchange", () => {
  it.each<[ExchangeVersion, ReadonlyArray<ExchangeVersion | undefined>, ExchangeVersion]>([
    [DEFAULT_VERSION, [], DEFAULT_VERSION],
    [DEFAULT_VERSION, [undefined, undefined], DEFAULT_VERSION],
    [DEFAULT_VERSION, ["Exchange2016", undefined], "Exchange2016"],
    // Two servers behind one address: what the older one does not speak would be refused by it.
    [DEFAULT_VERSION, ["Exchange2016", "Exchange2013"], "Exchange2013"],
    [DEFAULT_VERSION, ["Exchange2007_SP1"], "Exchange2007_SP1"],
    ["Exchange2010_SP2", ["Exchange2016", "Exchange2016"], "Exchange2010_SP2"]
  ])("%s becomes, with servers that speak %j, %s", (asked, spoken, expected) => {
    expect(askedVersion(asked, spoken)).toBe(expected)
  })

  it.scopedLive(
    "is what its server speaks, once it has answered, where the device named none",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* world.ews.setServerVersion("Exchange2016")
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN, { device: { policy: 0 } })
        yield* ens.mail(ANN)
        const asked = (yield* world.ews.calls).map(({ account, operation }) => [
          operation,
          account.exchangeVersion
        ])
        expect(asked.slice(0, 2)).toEqual([
          ["subscribe", DEFAULT_VERSION],
          ["inbox", DEFAULT_VERSION]
        ])
        expect(asked.slice(2)).toContainEqual(["mails", "Exchange2016"])
      })
    )
  )
})
