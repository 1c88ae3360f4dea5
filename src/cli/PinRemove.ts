import { Args, Command } from "@effect/cli"
import { Console, Effect } from "effect"
import * as CnsPins from "../../layers/push/CnsPins.ts"
import { Settings } from "../../schemas/Settings.ts"
import { withSettings } from "./Administer.ts"
import { auditedAside } from "./AuditedAside.ts"
import { CommandProblem, UsageProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"

const pin = Args.text({ name: "PIN" }).pipe(
  Args.withDescription("As `ens pin list` shows it; its first 8 digits or more are enough")
)

/** `ens pin remove PIN` */
export const removeCommand = Command.make("remove", { pin, configFile, json }, (given) =>
  Effect.gen(function* () {
    const digits = given.pin.trim().replaceAll(":", "").toLowerCase()
    if (!/^[0-9a-f]{8,64}$/.test(digits))
      return yield* new UsageProblem({
        problem: "PIN must be the first 8 to 64 hexadecimal digits of a pin; see: ens pin list"
      })
    const removed = yield* withSettings(
      given.configFile,
      auditedAside({ action: "pin.remove", target: (pin) => pin }, remove(digits))
    )
    yield* Console.log(
      given.json
        ? JSON.stringify({ pin: removed, removed: true })
        : `${removed} is no pin any more, from the service's next start on`
    )
  })
).pipe(Command.withDescription("Remove a pin of CNS"))

const remove = Effect.fnUntraced(function* (digits: string) {
  const { cns, dataDir } = yield* Settings
  const stored = yield* CnsPins.read(dataDir)
  const meant = stored.filter((one) => one.pin.startsWith(digits))
  const [found] = meant
  if (meant.length > 1) return yield* problem(`several pins begin with ${digits}; give more digits`)
  if (found === undefined)
    return yield* problem(
      cns.pins.some((one) => one.startsWith(digits))
        ? `the pin ${digits} is in ENS_CNS_PINS; remove it there`
        : `there is no pin ${digits}; see: ens pin list`
    )
  yield* CnsPins.write(
    dataDir,
    stored.filter((one) => one !== found)
  )
  return found.pin
})

const problem = (text: string) => Effect.fail(new CommandProblem({ problem: text }))
