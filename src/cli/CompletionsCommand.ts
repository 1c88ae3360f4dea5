import { Args, Command } from "@effect/cli"
import { Console, Effect } from "effect"
import type { CommandTree } from "./CommandTree.ts"
import { type Shell, script } from "./Completions.ts"

const shell = Args.choice<Shell>(
  [
    ["bash", "bash"],
    ["zsh", "zsh"],
    ["fish", "fish"]
  ],
  { name: "bash|zsh|fish" }
).pipe(Args.withDescription("The shell that shall complete ens"))

/** `ens completions bash|zsh|fish`: prints a script for that shell. `tree`: all commands, this one included. */
export const completionsCommand = (tree: () => CommandTree) =>
  Command.make("completions", { shell }, (given) =>
    Effect.suspend(() => Console.log(script(given.shell, tree())))
  ).pipe(Command.withDescription("Print a script that completes commands and options in your shell"))
