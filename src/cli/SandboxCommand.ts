import { Command, Options } from "@effect/cli"
import { runCns, runExchange } from "../sandbox/Run.ts"

const host = Options.text("host").pipe(
  Options.withDescription("Address to listen on; the control interface asks for no log-in"),
  Options.withDefault("127.0.0.1")
)

const port = (fallback: number) =>
  Options.integer("port").pipe(Options.withDescription("Port to listen on"), Options.withDefault(fallback))

const minute = Options.integer("minute-ms").pipe(
  Options.withDescription("Milliseconds of one of its minutes: 100 turns 15 minutes into 1.5 s"),
  Options.withDefault(60_000)
)

const retry = Options.choice("retry", ["strict", "clock", "lenient"]).pipe(
  Options.withDescription(
    "When an unanswered subscription of 15 minutes is dropped: after 7:30, 8:00 or 15:30 minutes"
  ),
  Options.withDefault("strict")
)

const exchange = Command.make("exchange", { host, port: port(8090), minute, retry }, runExchange).pipe(
  Command.withDescription("An Exchange that speaks EWS and calls back")
)

const cns = Command.make("cns", { host, port: port(8091) }, runCns).pipe(
  Command.withDescription("A CNS that takes notifications and prints them")
)

/** `ens sandbox exchange|cns`: the stand-ins alone. */
export const sandboxCommand = Command.make("sandbox").pipe(
  Command.withDescription("Stand-ins for trying things out"),
  Command.withSubcommands([exchange, cns])
)
