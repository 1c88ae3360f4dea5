import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { ALICE, type Rehearsal, rehearse, within } from "../e2e/Rehearsal.ts"
import { startService } from "../support/ServiceFixture.ts"

interface Answer {
  readonly status: number
  readonly responseCode: number
  readonly state?: string
}

interface Client {
  readonly register: (force?: boolean) => Promise<Answer>
  readonly checkIn: () => Promise<Answer>
  readonly status: () => Promise<Answer>
  readonly updateToken: (token: string) => Promise<Answer>
  readonly unregister: () => Promise<Answer>
  readonly received: (payload: unknown) => Promise<Answer | undefined>
}

const makeClient = async (
  { apiToken, exchange, installation }: Rehearsal,
  more: Record<string, unknown> = {}
): Promise<Client> => {
  // A variable keeps the checker from asking for types of a sample that is plain JavaScript.
  const file = "../../docs/device/client.mjs"
  const { EnsClient } = (await import(file)) as { EnsClient: new (options: unknown) => Client }
  return new EnsClient({
    url: installation.baseUrl,
    apiToken,
    account: { address: ALICE.address, username: ALICE.address, password: ALICE.password },
    device: { token: "1f00aa", type: "iOS", bundleId: "com.example.mail" },
    ewsUrl: exchange.url,
    ...more
  })
}

describe("the sample client of docs/device-api.md", () => {
  it.scopedLive("registers, gets mail, follows a new push token, checks in and signs off", () =>
    Effect.gen(function* () {
      const world = yield* rehearse()
      yield* startService(world.installation)
      const client = yield* Effect.promise(() => makeClient(world))
      expect(yield* Effect.promise(() => client.register())).toMatchObject({ status: 200, responseCode: 7 })
      expect(yield* Effect.promise(() => client.status())).toMatchObject({ responseCode: 6 })
      expect(yield* Effect.promise(() => client.register())).toMatchObject({ responseCode: 17 })
      expect(yield* Effect.promise(() => client.updateToken("1f00bb"))).toMatchObject({ responseCode: 3 })
      yield* world.mail("For the sample")
      yield* within(
        world.cns.until(() => world.cns.received().some(({ deviceToken }) => deviceToken === "1f00bb")),
        "the notification"
      )
      const silent = { aps: { "content-available": 1 }, ens: { action: "resubscribe", reason: "overdue" } }
      expect(yield* Effect.promise(() => client.received(silent))).toMatchObject({ responseCode: 17 })
      expect(yield* Effect.promise(() => client.unregister())).toMatchObject({ responseCode: 24 })
      expect(yield* Effect.promise(() => client.unregister())).toMatchObject({ responseCode: 28 })
      // The user is gone, and with it the key that the client remembers.
      expect(yield* Effect.promise(() => client.checkIn())).toMatchObject({ responseCode: 7 })
    })
  )

  it.scopedLive(
    "waits and tries again while Exchange refuses, and gives up at once without a valid API token",
    () =>
      Effect.gen(function* () {
        const world = yield* rehearse()
        yield* startService(world.installation)
        const waited: Array<number> = []
        const pause = async (seconds: number) => {
          waited.push(seconds)
          await Effect.runPromise(world.exchange.setPassword(ALICE.address, ALICE.password))
        }
        yield* world.exchange.setPassword(ALICE.address, "another")
        const client = yield* Effect.promise(() => makeClient(world, { pause }))
        expect(yield* Effect.promise(() => client.register())).toMatchObject({ responseCode: 7 })
        expect(waited).toHaveLength(1)
        const stranger = yield* Effect.promise(() =>
          makeClient(world, { apiToken: "nobody knows it", pause })
        )
        const refused = yield* Effect.flip(Effect.tryPromise(() => stranger.register()))
        expect(String(refused.error)).toContain("ENS answered 23")
        expect(waited).toHaveLength(1)
      })
  )
})
