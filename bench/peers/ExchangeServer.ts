import { Effect } from "effect"
import { makeExchange } from "../../src/sandbox/Exchange.ts"
import { selfMade } from "../../src/sandbox/SelfMadeCertificate.ts"
import { ADDRESS, type EwsServerReady, PASSWORD, TOKEN } from "./EwsLoad.ts"

/** The sandbox's Exchange with one mail, by https: it reads and decides about every request as Exchange would. */
process.on("disconnect", () => process.exit())
Effect.gen(function* () {
  const tls = selfMade(["127.0.0.1"], 1)
  const exchange = yield* makeExchange({
    tls,
    mailboxes: [{ address: ADDRESS, password: PASSWORD, tokens: [TOKEN] }]
  })
  const item = yield* exchange.deliver({
    to: ADDRESS,
    from: "bob.baker@example.com",
    fromName: "Bob Baker",
    subject: "Minutes of Thursday's meeting & what is left to do",
    body: "Dear all, here is what we agreed on. ".repeat(6)
  })
  process.send?.({ url: exchange.url, ca: tls.cert, item } satisfies EwsServerReady)
  yield* Effect.never
}).pipe(Effect.scoped, Effect.runPromise)
