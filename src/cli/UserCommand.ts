import { Args, Command, Options } from "@effect/cli"
import { Console, Effect, Option } from "effect"
import { type UserId, userIdOfAddress } from "../../schemas/Ids.ts"
import { userPage } from "../users/UserReport.ts"
import { printable, userText } from "../users/UserText.ts"
import { withStorage } from "./Administer.ts"
import { CommandProblem, UsageProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"

const who = Args.text({ name: "EMAIL|HASH" }).pipe(
  Args.withDescription("The user's address, which is hashed here and goes nowhere, or its SHA-256")
)

const tenant = Options.text("tenant").pipe(
  Options.withDescription("Only as this tenant knows the user"),
  Options.optional
)

/**
 * `ens user EMAIL|HASH`: what is known of a user (contract section 6). Reads the database, so it works beside a running
 * service and without one. The address is neither printed nor logged.
 */
export const userCommand = Command.make("user", { who, tenant, configFile, json }, (given) =>
  Effect.gen(function* () {
    const userId = userIdOf(given.who)
    if (userId === undefined) {
      return yield* new UsageProblem({
        problem: "this is neither an e-mail address nor a user's hash of 64 hexadecimal digits"
      })
    }
    const all = yield* withStorage(given.configFile, userPage(userId))
    const users = all.users.filter((user) =>
      Option.match(given.tenant, { onNone: () => true, onSome: (name) => name === user.tenant })
    )
    if (users.length === 0) {
      const elsewhere = all.users.map((user) => printable(user.tenant)).join(", ")
      return yield* new CommandProblem({
        problem:
          elsewhere === ""
            ? `user ${userId} is not known; check the address, and look for this hash in the log for what the app tried`
            : `user ${userId} is not known to this tenant, but to: ${elsewhere}`
      })
    }
    const page = { userId, users }
    yield* Console.log(given.json ? JSON.stringify(page) : userText(page))
  })
).pipe(Command.withDescription("Show what is known of a user: state, devices, what happened"))

const userIdOf = (text: string): UserId | undefined => {
  const trimmed = text.trim()
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return trimmed.toLowerCase() as UserId
  return /^[^\s@]+@[^\s@]+$/.test(trimmed) ? userIdOfAddress(trimmed) : undefined
}
