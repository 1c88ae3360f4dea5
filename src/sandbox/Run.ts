import { Console, Effect, Runtime } from "effect"
import { makeCns } from "./Cns.ts"
import { type ExchangeOptions, makeExchange } from "./Exchange.ts"
import type { CannotListen, ListenerOptions } from "./Listener.ts"

/** `ens sandbox exchange`: runs the Exchange stand-in until interrupted, and prints how to use it. */
export const runExchange = (options: ExchangeOptions): Effect.Effect<never, CannotListen> =>
  Effect.gen(function* () {
    const mailboxes = options.mailboxes ?? [EXAMPLE]
    const exchange = yield* makeExchange({ ...options, mailboxes })
    const [first] = mailboxes
    yield* Console.log(`Exchange stand-in: ${exchange.url}

Mailboxes: ${mailboxes.map((one) => (one === EXAMPLE ? `${one.address} (password ${one.password})` : one.address)).join(", ") || "none yet"}
It speaks EWS to anybody who has a password, and obeys anybody on ${exchange.controlUrl}: keep it on this machine.

  a mailbox   curl ${exchange.controlUrl}/mailboxes -d '{"address":"bob@example.com","password":"secret"}'
  a mail      curl ${exchange.controlUrl}/mail -d '{"to":"${first?.address ?? "bob@example.com"}","from":"carol@example.com","fromName":"Carol","subject":"Lunch?","body":"At noon."}'
  read it     curl ${exchange.controlUrl}/read -d '{"to":"…","itemId":"…"}'
  trouble     curl ${exchange.controlUrl}/faults -d '{"kind":"busy","backOffMilliseconds":5000,"times":3}'
              kinds: busy status unauthorized slow cut error page repeat (with operation, user, times)
                     stopHeartbeat resumeHeartbeat errorCallback restart clear
  look        curl ${exchange.controlUrl}/state`)
    return yield* Effect.never
  }).pipe(Effect.scoped)

/** `ens sandbox cns`: runs the CNS stand-in until interrupted, prints how to use it and every notification it takes. */
export const runCns = (options: ListenerOptions): Effect.Effect<never, CannotListen> =>
  Effect.gen(function* () {
    const cns = yield* makeCns(options)
    yield* Console.log(`CNS stand-in: ${cns.url}

Start the service with ENS_PUSH=cns ENS_CNS_URL=${cns.url}; what it takes is printed below.

  trouble     curl ${cns.controlUrl}/faults -d '{"kind":"status","status":503,"retryAfter":"5","times":3}'
              kinds: status unauthorized reject retry slow malformed cut clear
  look        curl ${cns.controlUrl}/state
`)
    const print = Runtime.runSync(yield* Effect.runtime())
    cns.onNotification((taken) => print(Console.log(JSON.stringify(taken))))
    return yield* Effect.never
  }).pipe(Effect.scoped)

const EXAMPLE = { address: "alice@example.com", password: "secret" }
