import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { type GatewayHealth, Push } from "../../../layers/push/Push.ts"
import { reportTrouble } from "../../../layers/telemetry/Troubles.ts"
import * as TroublesLive from "../../../layers/telemetry/TroublesLive.ts"
import { troubleDetails, troublesNow } from "../../../src/http/TroublesNow.ts"

const cns: GatewayHealth = {
  gateway: "cns",
  up: false,
  downSince: 1_000,
  lastError: "CNS at cns.example does not trust this ENS (HTTP 401, code 2007): install it",
  lastErrorAt: 2_000,
  underWay: 0,
  waiting: 0,
  oldestWaiting: undefined,
  stalledSince: undefined,
  expires: []
}

const pushWith = (health: GatewayHealth) =>
  Layer.mock(Push, { health: Effect.succeed([health]), isUp: () => health.up, post: () => () => {} })

const withPush = (health: GatewayHealth) => Layer.merge(TroublesLive.layer, pushWith(health))

describe("the troubles of now", () => {
  it.effect("name a gateway that is down, and storage that is away, though nobody reported them", () =>
    Effect.gen(function* () {
      expect(yield* troublesNow({ storage: "unreachable" })).toMatchObject([
        { fault: "storage-down", where: "storage" },
        { fault: "gateway-log-in-refused", where: "cns", since: 1_000, what: cns.lastError }
      ])
    }).pipe(Effect.provide(withPush(cns)))
  )

  it.effect("name each once", () =>
    Effect.gen(function* () {
      yield* reportTrouble({ fault: "gateway-down", where: "cns", what: "refused" })
      yield* reportTrouble({ fault: "storage-down", where: "storage", what: "locked" })
      const shown = yield* troublesNow({ storage: "unreachable" })
      expect(shown.map(({ fault }) => fault)).toEqual(["storage-down", "gateway-down"])
    }).pipe(Effect.provide(withPush(cns)))
  )

  it.effect("are none when all is well", () =>
    Effect.gen(function* () {
      expect(yield* troubleDetails({ storage: "reachable" })).toEqual([])
    }).pipe(Effect.provide(withPush({ ...cns, up: true })))
  )

  it.effect("are shown with title, cure and times as readiness has them", () =>
    Effect.gen(function* () {
      yield* reportTrouble({ fault: "pin-mismatch", where: "mail.example.com", what: "another key" })
      expect(yield* troubleDetails({ storage: "reachable" })).toEqual([
        {
          fault: "pin-mismatch",
          title: "the server's certificate is not the pinned one",
          where: "mail.example.com",
          what: "another key",
          cure: expect.stringContaining("ens pin add"),
          since: "1970-01-01T00:00:00.000Z",
          last: "1970-01-01T00:00:00.000Z",
          count: 1
        }
      ])
    }).pipe(Effect.provide(withPush({ ...cns, up: true })))
  )
})
