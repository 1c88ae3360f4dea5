import { Effect, Option, Redacted } from "effect"
import * as CnsCertificate from "../../layers/push/CnsCertificate.ts"
import { readBounded } from "../../layers/push/CnsFiles.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { CommandProblem } from "./CommandProblem.ts"

interface Given {
  readonly configXml: Option.Option<string>
  readonly passwordFile: Option.Option<string>
}

/** The CNS certificate in the file that `ens init` was given, if it was. */
export const readCertificate = (given: Given, { cns }: SettingsShape) =>
  Effect.gen(function* () {
    if (Option.isNone(given.configXml)) {
      if (Option.isNone(given.passwordFile)) return undefined
      return yield* new CommandProblem({ problem: "--password-file goes with --config-xml" })
    }
    const password = yield* Effect.transposeMapOption(given.passwordFile, readPassword)
    return yield* CnsCertificate.read({
      file: given.configXml.value,
      password: Option.getOrUndefined(password) ?? cns.certPassword,
      setting: "--config-xml",
      passwordSetting: "--password-file"
    })
  }).pipe(Effect.catchTag("PushSetupError", ({ problem }) => new CommandProblem({ problem })))

/** Editors end a file with a line end, and Windows begins it with a byte order mark; neither is of the password. */
const readPassword = (file: string) =>
  Effect.map(readBounded(file, PASSWORD_MAX, "--password-file must name a text file"), (bytes) => {
    const text = bytes.toString("utf8")
    bytes.fill(0)
    return Redacted.make(text.replace(/^\uFEFF/, "").replace(/[\r\n]+$/, ""))
  })

const PASSWORD_MAX = 4096
