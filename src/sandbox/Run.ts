import { Console, Effect, Runtime } from "effect"
import { type CnsOptions, makeCns } from "./Cns.ts"
import { type ExchangeOptions, makeExchange } from "./Exchange.ts"
import type { CannotListen } from "./Listener.ts"
import { makeSeg, type SegOptions } from "./Seg.ts"

export interface RunExchangeOptions extends ExchangeOptions {
  /** File of its certificate, to tell who has to trust it. */
  readonly certFile?: string
}

/** `ens sandbox exchange`: runs the Exchange stand-in until interrupted, and prints how to use it. */
export const runExchange = (options: RunExchangeOptions): Effect.Effect<never, CannotListen> =>
  Effect.gen(function* () {
    const mailboxes = options.mailboxes ?? [EXAMPLE]
    const exchange = yield* makeExchange({ ...options, mailboxes })
    const [first] = mailboxes
    const { controlUrl } = exchange
    const places = [
      ["Exchange stand-in:", exchange.url],
      ["Other listener:", exchange.otherUrl],
      ["Autodiscover:", exchange.autodiscoverUrl],
      ["Certificate:", options.certFile && `${options.certFile} (for ENS_EWS_CA_FILE)`]
    ]
    yield* Console.log(`${places
      .filter(([, place]) => place !== undefined)
      .map(([name = "", place]) => `${name.padEnd(18)} ${place}`)
      .join("\n")}

Mailboxes: ${mailboxes.map((one) => (one === EXAMPLE ? `${one.address} (password ${one.password})` : one.address)).join(", ") || "none yet"}
It speaks EWS to anybody who has a password, and obeys anybody on ${controlUrl}: keep it on this machine.

  a mailbox   curl ${controlUrl}/mailboxes -d '{"address":"bob@example.com","password":"secret"}'
  a mail      curl ${controlUrl}/mail -d '{"to":"${first?.address ?? "bob@example.com"}","from":"carol@example.com","fromName":"Carol","subject":"Lunch?","body":"At noon."}'
  read it     curl ${controlUrl}/read -d '{"to":"…","itemId":"…"}'
  log-ins     curl ${controlUrl}/settings -d '{"offers":["ntlm"],"lockAfter":5}'
              offers: negotiate ntlm basic bearer certificate; also channelBinding, serverVersion
              …/passwords, …/tokens, …/unlock (with user)
  a move      curl ${controlUrl}/moves -d '{"user":"${first?.address ?? "bob@example.com"}","seconds":10}'
  trouble     curl ${controlUrl}/faults -d '{"kind":"busy","backOffMilliseconds":5000,"times":3}'
              kinds: busy status unauthorized slow cut error page redirect affinity repeat
                     (with operation, user, times, seconds)
                     stopHeartbeat resumeHeartbeat errorCallback gap forgetEvents restart down clear
              curl ${controlUrl}/autodiscover -d '{"kind":"redirectUrl","url":"https://…"}'
              kinds: settings redirectAddr redirectUrl error busy unauthorized status redirect page slow cut
  look        curl ${controlUrl}/state, or …/requests

What can be rehearsed with it, step by step: docs/rehearsal.md`)
    return yield* Effect.never
  }).pipe(Effect.scoped)

/** `ens sandbox seg`: runs the gateway stand-in until interrupted, and prints how to use it. */
export const runSeg = (options: SegOptions): Effect.Effect<never, CannotListen> =>
  Effect.gen(function* () {
    const seg = yield* makeSeg(options)
    yield* Console.log(`SEG stand-in: ${seg.url}, in front of ${options.upstream}

Start the service with ENS_SEG_HOSTS=${new URL(seg.url).hostname}, and let phones register with a device id.

  a verdict   curl ${seg.controlUrl}/devices -d '{"device":"…","verdict":"notCompliant"}'
              verdicts: allowed notCompliant unknown policyNotLoaded notEnabled; without a device for all
  look        curl ${seg.controlUrl}/state`)
    return yield* Effect.never
  }).pipe(Effect.scoped)

/** What `ens sandbox cns` is told. */
export interface RunCnsOptions extends CnsOptions {
  /** File of its certificate, to tell who has to trust it. */
  readonly certFile?: string
}

/** `ens sandbox cns`: runs the CNS stand-in until interrupted, prints how to use it and every notification it takes. */
export const runCns = (options: RunCnsOptions): Effect.Effect<never, CannotListen> =>
  Effect.gen(function* () {
    const cns = yield* makeCns(options)
    const curl = options.certFile === undefined ? "curl" : `curl --cacert ${options.certFile}`
    yield* Console.log(`CNS stand-in: ${cns.url}

Start the service with ENS_PUSH=cns ENS_CNS_URL=${cns.url}${
      options.certFile === undefined ? "" : ` ENS_CNS_CA_FILE=${options.certFile}`
    }; what it takes is printed below.
${options.clientCert === undefined ? "It does not check signatures." : "It refuses what the known certificate has not signed (401, code 2007)."}

  trouble     ${curl} ${cns.controlUrl}/faults -d '{"kind":"status","status":503,"retryAfter":"5","times":3}'
              kinds: status unauthorized reject retry slow malformed cut clear
  look        ${curl} ${cns.controlUrl}/state
`)
    const print = Runtime.runSync(yield* Effect.runtime())
    cns.onNotification((taken) => print(Console.log(JSON.stringify(taken))))
    return yield* Effect.never
  }).pipe(Effect.scoped)

const EXAMPLE = { address: "alice@example.com", password: "secret" }
