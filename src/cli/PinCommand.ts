import { Command } from "@effect/cli"
import { addCommand } from "./PinAdd.ts"
import { listCommand } from "./PinList.ts"
import { removeCommand } from "./PinRemove.ts"

/** `ens pin add|list|remove`: what CNS's certificate must be, besides valid. */
export const pinCommand = Command.make("pin").pipe(
  Command.withDescription("Pins of CNS's certificate, checked besides its validity"),
  Command.withSubcommands([addCommand, listCommand, removeCommand])
)
