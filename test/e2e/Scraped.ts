import { Effect } from "effect"
import { startService } from "../support/ServiceFixture.ts"
import { eventually, rehearse, within } from "./Rehearsal.ts"

/** What `/metrics` says of a service that has registered a phone and announced mails, some with trouble. */
export const scraped = Effect.gen(function* () {
  const { about, cns, exchange, installation, mail, phone } = yield* rehearse()
  yield* startService(installation)
  const iphone = yield* phone("iOS")
  yield* iphone.register()
  yield* cns.addFault({ kind: "status", status: 500, times: 1 })
  yield* exchange.addFault({ kind: "page", operation: "GetItem", times: 1 })
  const items = [yield* mail("One"), yield* mail("Two")]
  yield* within(
    cns.until(() => items.every((item) => about(iphone, item).length > 0)),
    "the notifications",
    30
  )
  const fetched = Effect.promise(() =>
    fetch(`${installation.adminUrl}/metrics`).then((answer) => answer.text())
  )
  let text = yield* fetched
  yield* eventually(() => text.includes("ens_callbacks_total"), "the first second").pipe(
    Effect.raceFirst(
      Effect.forever(
        Effect.delay(
          Effect.map(fetched, (more) => {
            text = more
          }),
          "300 millis"
        )
      )
    )
  )
  return text
})
