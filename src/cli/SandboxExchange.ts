import { Command, Options } from "@effect/cli"
import { Effect, Option, Schema } from "effect"
import type { MailboxOptions, Scheme } from "../sandbox/Exchange.ts"
import { EXCHANGE_COMMANDS, EXCHANGE_VIEWS } from "../sandbox/ExchangeControl.ts"
import { ServerName } from "../sandbox/ExchangeVersions.ts"
import { runExchange } from "../sandbox/Run.ts"
import { CommandProblem } from "./CommandProblem.ts"
import { optionalField } from "./OptionalField.ts"
import { controlPort, host, port } from "./SandboxOptions.ts"
import { securedBy, tlsOptions } from "./SandboxTls.ts"

const options = {
  host,
  port: port(8090),
  ...tlsOptions,
  controlPort,
  otherPort: Options.integer("other-port").pipe(
    Options.withDescription("A second listener on this port, to which mailboxes can move"),
    Options.optional
  ),
  mailboxes: Options.text("mailbox").pipe(
    Options.withDescription(
      "ADDRESS:PASSWORD of a mailbox; may be repeated (default alice@example.com:secret)"
    ),
    Options.repeated
  ),
  offers: Options.choice("offer", ["basic", "ntlm", "both", "negotiate", "bearer", "certificate"]).pipe(
    Options.withDescription(
      "Way to log in; may be repeated (default basic and bearer). both: basic and ntlm; negotiate: NTLM inside SPNEGO"
    ),
    Options.repeated
  ),
  channelBinding: Options.choice("channel-binding", ["require", "allow", "none"]).pipe(
    Options.withDescription("Extended Protection: whether NTLM must be bound to the TLS channel"),
    Options.withDefault("allow" as const)
  ),
  lockAfter: Options.integer("lock-after").pipe(
    Options.withSchema(Schema.Positive),
    Options.withDescription("Wrong passwords in a row that lock an account (default: never)"),
    Options.optional
  ),
  serverVersion: Options.choice("server-version", ServerName.literals).pipe(
    Options.withDescription("Which Exchange it is"),
    Options.withDefault("2016" as const)
  ),
  minute: Options.integer("minute-ms").pipe(
    Options.withDescription("Milliseconds of one of its minutes: 100 turns 15 minutes into 1.5 s"),
    Options.withDefault(60_000)
  ),
  retry: Options.choice("retry", ["strict", "clock", "lenient"]).pipe(
    Options.withDescription(
      "When an unanswered subscription of 15 minutes is dropped: after 7:30, 8:00 or 15:30 minutes"
    ),
    Options.withDefault("strict" as const)
  )
}

/** `ens sandbox exchange` */
export const exchangeCommand = Command.make("exchange", options, (given) =>
  Effect.gen(function* () {
    const secured = yield* securedBy(given)
    const mailboxes = yield* Effect.forEach(given.mailboxes, mailboxOf)
    const offers = given.offers.flatMap(
      (offer): ReadonlyArray<Scheme> => (offer === "both" ? ["basic", "ntlm"] : [offer])
    )
    const controlPort = Option.orElse(given.controlPort, () =>
      secured.tls === undefined ? Option.none() : Option.some(given.port + 100)
    )
    const { channelBinding, minute, retry, serverVersion } = given
    return yield* runExchange({
      host: given.host,
      port: given.port,
      channelBinding,
      minute,
      retry,
      serverVersion,
      ...secured,
      ...(mailboxes.length === 0 ? {} : { mailboxes }),
      ...(offers.length === 0 ? {} : { offers }),
      ...optionalField("lockAfter", given.lockAfter),
      ...optionalField("otherPort", given.otherPort),
      ...optionalField("controlPort", controlPort)
    })
  })
).pipe(
  Command.withDescription(
    `An Exchange that speaks EWS and Autodiscover, calls back, and fails on demand. It prints how: POST JSON to /sandbox/${Object.keys(EXCHANGE_COMMANDS).join("|")}, GET /sandbox/${Object.keys(EXCHANGE_VIEWS).join("|")}. docs/rehearsal.md goes through it`
  )
)

const mailboxOf = (text: string): Effect.Effect<MailboxOptions, CommandProblem> => {
  const [, address, password] = /^([^@\s:]+@[^@\s:]+):(.*)$/s.exec(text) ?? []
  return address === undefined || password === undefined
    ? new CommandProblem({ problem: "--mailbox must be ADDRESS:PASSWORD, like bob@example.com:secret" })
    : Effect.succeed({ address, password })
}
