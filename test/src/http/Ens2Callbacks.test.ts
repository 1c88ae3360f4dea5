import { randomBytes } from "node:crypto"
import { expect, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import { RawHttp } from "../../support/RawHttp.ts"
import { heartbeat } from "./Bodies.ts"
import { ListenerFixture } from "./ListenerFixture.ts"

it.scoped(
  "callbacks of ENS2's subscriptions, which have no s, are all answered Unsubscribe, however many one Exchange sends",
  () =>
    Effect.gen(function* () {
      const fixture = new ListenerFixture()
      const { port } = Context.get(yield* fixture.listen(), PublicListener)
      const connection = yield* Effect.acquireRelease(
        Effect.promise(() => RawHttp.connect(port)),
        (open) => Effect.sync(() => open.destroy())
      )
      for (let id = 1; id <= 60; id++) {
        const f = encodeURIComponent(randomBytes(256).toString("base64"))
        connection.send(
          "POST",
          `/MailNotificationService/api/ens/pushnotificationlistener?id=${id}&f=${f}`,
          heartbeat()
        )
        const { body, status } = yield* Effect.promise(() => connection.response())
        expect(status).toBe(200)
        expect(body).toContain("<m:SubscriptionStatus>Unsubscribe</m:SubscriptionStatus>")
      }
    })
)
