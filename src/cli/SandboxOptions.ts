import { Options } from "@effect/cli"

/** `--host` of a stand-in. */
export const host = Options.text("host").pipe(
  Options.withDescription("Address to listen on; the control interface asks for no log-in"),
  Options.withDefault("127.0.0.1")
)

/** `--port` of a stand-in. */
export const port = (fallback: number) =>
  Options.integer("port").pipe(Options.withDescription("Port to listen on"), Options.withDefault(fallback))

/** `--control-port` of a stand-in. */
export const controlPort = Options.integer("control-port").pipe(
  Options.withDescription(
    "Port of the control interface: plain http on 127.0.0.1 (default: the same port; with https port + 100)"
  ),
  Options.optional
)
