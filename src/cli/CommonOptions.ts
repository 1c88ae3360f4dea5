import { Options } from "@effect/cli"

/** `--config FILE`, which every command that reads settings takes. */
export const configFile = Options.file("config").pipe(
  Options.withDescription("JSON file with settings, named as the environment variables"),
  Options.optional
)

/** `--json`, which every command that prints data takes. */
export const json = Options.boolean("json").pipe(Options.withDescription("Print JSON for programs"))
