import { Command, HelpDoc, Options } from "@effect/cli"
import { Console, Effect } from "effect"
import { CommandProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"
import { doctorProgress } from "./DoctorProgress.ts"
import { questionsOf } from "./DoctorQuestions.ts"

const file = (name: string, about: string) =>
  Options.file(name).pipe(Options.withDescription(about), Options.optional)
const text = (name: string, about: string) =>
  Options.text(name).pipe(Options.withDescription(about), Options.optional)

/** What `ens doctor` takes. */
export const options = {
  email: text("email", "Try Autodiscover and EWS with this mailbox, the way a registration goes"),
  username: text("username", "User name, if it is not the address"),
  domain: text("domain", "Windows domain of the user name"),
  passwordFile: file("password-file", "File that holds the password; on a terminal it is asked for"),
  passwordStdin: Options.boolean("password-stdin").pipe(
    Options.withDescription("Read the password from standard input")
  ),
  tokenFile: file("token-file", "File that holds an OAuth access token, instead of a password"),
  clientCertificate: file(
    "client-certificate",
    "PKCS#12 file with the user's certificate; its password is that of --password-file"
  ),
  deviceId: text("device-id", "Device id that a Secure Email Gateway is asked about"),
  ewsUrl: text("ews-url", "The EWS URL that the app's profile has (EWSUrl)"),
  tenant: text("tenant", "Whose EWS list and pins hold; needed only with several tenants"),
  apiTokenFile: file("api-token-file", "File that holds the API token of the phones: is it known here?"),
  offline: Options.boolean("offline").pipe(Options.withDescription("Ask no other machine")),
  configFile,
  json
}

/** Otherwise who asks a program whether anything is wrong would be told that nothing is. */
const brokenOff = () =>
  Effect.sync(() => {
    process.exitCode = 1
    process.stderr.write("ens: broken off; not everything was looked at\n")
  })

/** `ens doctor`: one line per check. Fails if anything is wrong. */
export const doctorCommand = Command.make("doctor", options, (given) =>
  Effect.gen(function* () {
    const questions = yield* questionsOf(given)
    // Only here: the service, and every other command, would load it at each start.
    const { examine } = yield* Effect.promise(() => import("../doctor/Doctor.ts"))
    const { lineOf } = yield* Effect.promise(() => import("../doctor/Finding.ts"))
    const console = yield* Console.consoleWith(Effect.succeed)
    const progress = doctorProgress(given.json)
    const findings = yield* examine(questions, {
      begins: progress.begins,
      found: (finding) => {
        progress.clear()
        if (!given.json) Effect.runSync(console.log(progress.coloured(finding, lineOf(finding))))
      }
    }).pipe(Effect.ensuring(Effect.sync(progress.clear)), Effect.onInterrupt(brokenOff))
    if (given.json) yield* Console.log(JSON.stringify(findings))
    const wrong = findings.filter(({ verdict }) => verdict === "failed").length
    if (wrong > 0) {
      const what = wrong === 1 ? "1 check has failed" : `${wrong} checks have failed`
      return yield* new CommandProblem({ problem: `${what}; what to do stands in each line marked ✖` })
    }
  })
).pipe(
  Command.withDescription(
    HelpDoc.blocks([
      HelpDoc.p("Check everything that ENS needs: one line each, with the cause and the cure"),
      HelpDoc.p(
        "Works before ens start and beside a running service, whose database it does not lock. No phone gets a notification."
      ),
      HelpDoc.p(
        "With --email it logs in to that mailbox. At most one refused log-in is risked in a run, because directories lock accounts after a few: it counts towards that."
      ),
      HelpDoc.p("Ends with 0 if nothing is wrong (no ✖), else with 1; also when it is broken off.")
    ])
  )
)
