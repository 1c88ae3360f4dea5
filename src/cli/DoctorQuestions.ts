import { open } from "node:fs/promises"
import { text } from "node:stream/consumers"
import { Prompt } from "@effect/cli"
import { Effect, Option, Redacted } from "effect"
import type { AuthType, Credentials } from "../../schemas/Credentials.ts"
import type { MailboxQuestion, Questions } from "../doctor/Questions.ts"
import { CommandProblem, UsageProblem } from "./CommandProblem.ts"

/** What was given on the command line. */
export interface GivenToDoctor {
  readonly email: Option.Option<string>
  readonly username: Option.Option<string>
  readonly domain: Option.Option<string>
  readonly passwordFile: Option.Option<string>
  readonly passwordStdin: boolean
  readonly tokenFile: Option.Option<string>
  readonly clientCertificate: Option.Option<string>
  readonly deviceId: Option.Option<string>
  readonly ewsUrl: Option.Option<string>
  readonly tenant: Option.Option<string>
  readonly apiTokenFile: Option.Option<string>
  readonly offline: boolean
  readonly configFile: Option.Option<string>
  readonly json: boolean
}

/** Reads the secrets from where they are said to be. A password that is needed and not given is asked for on a terminal. */
export const questionsOf = Effect.fnUntraced(function* (
  given: GivenToDoctor
): Effect.fn.Return<Questions, CommandProblem | UsageProblem, Prompt.Prompt.Environment> {
  const { offline } = given
  const address = Option.getOrUndefined(given.email)
  if (address === undefined && needsMailbox(given)) {
    return yield* problem(
      "user name, password, token, certificate and EWS URL are for a mailbox; give --email"
    )
  }
  if (address !== undefined && !/^[^\s@]+@[^\s@]+$/.test(address)) {
    return yield* misused("--email must be an address, like alice@example.com")
  }
  const apiToken = yield* secretIn(given.apiTokenFile)
  return {
    configFile: Option.getOrUndefined(given.configFile),
    tenant: Option.getOrUndefined(given.tenant),
    apiToken: apiToken === undefined ? undefined : Redacted.make(apiToken),
    mailbox: address === undefined || offline ? undefined : yield* mailboxOf(given, address),
    offline
  }
})

const needsMailbox = (given: GivenToDoctor) =>
  given.passwordStdin ||
  [
    given.username,
    given.domain,
    given.passwordFile,
    given.tokenFile,
    given.clientCertificate,
    given.deviceId,
    given.ewsUrl
  ].some(Option.isSome)

const mailboxOf = Effect.fnUntraced(function* (given: GivenToDoctor, address: string) {
  const accessToken = yield* secretIn(given.tokenFile)
  const certificate = yield* certificateIn(given.clientCertificate)
  const needsPassword = accessToken === undefined && certificate === undefined
  const password = yield* passwordOf(given, needsPassword)
  const username = Option.getOrUndefined(given.username)
  const domain = Option.getOrUndefined(given.domain)
  const credentials: Credentials = {
    address,
    ...(username === undefined ? {} : { username }),
    ...(domain === undefined ? {} : { domain }),
    ...(accessToken === undefined ? {} : { accessToken }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(password === undefined
      ? {}
      : certificate === undefined
        ? { password }
        : { certificatePassword: password })
  }
  const authType: AuthType =
    certificate === undefined
      ? accessToken === undefined
        ? "Basic"
        : "OAuth"
      : accessToken === undefined
        ? "Certificate"
        : "Dual"
  return {
    credentials: Redacted.make(credentials),
    authType,
    hasLogIn: (accessToken ?? certificate ?? password) !== undefined,
    deviceId: Option.getOrUndefined(given.deviceId),
    ewsUrl: Option.getOrUndefined(given.ewsUrl)
  } satisfies MailboxQuestion
})

/** undefined: there is none, and nobody to ask. */
const passwordOf = (
  { json, passwordFile, passwordStdin }: GivenToDoctor,
  needed: boolean
): Effect.Effect<string | undefined, CommandProblem | UsageProblem, Prompt.Prompt.Environment> => {
  if (passwordStdin && Option.isSome(passwordFile)) {
    return misused("--password-stdin and --password-file are both given; keep one of them")
  }
  if (passwordStdin) {
    return Effect.tryPromise({
      try: () => text(process.stdin),
      catch: () => new CommandProblem({ problem: "standard input cannot be read" })
    }).pipe(Effect.map(lineIn))
  }
  if (Option.isSome(passwordFile)) return secretIn(passwordFile)
  if (!needed || json || !process.stdin.isTTY || !process.stdout.isTTY) return Effect.succeed(undefined)
  return Prompt.run(Prompt.hidden({ message: "Password (empty: look without logging in)" })).pipe(
    Effect.map((typed) => (Redacted.value(typed) === "" ? undefined : Redacted.value(typed))),
    Effect.mapError(() => new CommandProblem({ problem: "no password was entered" }))
  )
}

const secretIn = (file: Option.Option<string>): Effect.Effect<string | undefined, CommandProblem> =>
  Option.match(file, {
    onNone: () => Effect.succeed(undefined),
    onSome: (path) =>
      Effect.flatMap(read(path), (bytes) => {
        const secret = lineIn(bytes.toString("utf8"))
        return secret === "" ? problem(`${path} is empty`) : Effect.succeed(secret)
      })
  })

const certificateIn = (file: Option.Option<string>): Effect.Effect<string | undefined, CommandProblem> =>
  Option.match(file, {
    onNone: () => Effect.succeed(undefined),
    onSome: (path) => Effect.map(read(path), (bytes) => bytes.toString("base64"))
  })

/** A text editor ends the line; a password may begin or end with a space. */
const lineIn = (input: string) => input.replace(/\r?\n$/, "")

const read = (path: string): Effect.Effect<Buffer, CommandProblem> =>
  Effect.tryPromise({
    try: async () => {
      await using handle = await open(path)
      const buffer = Buffer.alloc(MOST)
      const { bytesRead } = await handle.read(buffer, 0, MOST, 0)
      return buffer.subarray(0, bytesRead)
    },
    catch: () => new CommandProblem({ problem: `${path} cannot be read; check its name and rights` })
  })

/** Bytes. */
const MOST = 64 * 1024

const problem = (said: string) => Effect.fail(new CommandProblem({ problem: said }))
const misused = (said: string) => Effect.fail(new UsageProblem({ problem: said }))
