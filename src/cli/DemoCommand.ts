import { Command } from "@effect/cli"
import { demo } from "../demo/Demo.ts"

/** `ens demo`: the whole loop on this machine. */
export const demoCommand = Command.make("demo", {}, () => demo).pipe(
  Command.withDescription(
    "Show the whole loop here: service, Exchange, push gateway and two phones, in seconds"
  )
)
