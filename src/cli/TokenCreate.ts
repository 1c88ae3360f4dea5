import { text } from "node:stream/consumers"
import { Command, Options } from "@effect/cli"
import { Clock, Console, Effect, Either, Option, Redacted } from "effect"
import { hashApiToken, makeApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import { isLoopback } from "../../layers/net/Loopback.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { plainName } from "../../schemas/PlainName.ts"
import { Settings } from "../../schemas/Settings.ts"
import { hasEnded } from "../../schemas/TokenEnd.ts"
import { webUrl } from "../config/Parse.ts"
import * as AdminTokens from "./AdminTokens.ts"
import { withAudit } from "./Audited.ts"
import { CommandProblem, UsageProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"
import { refreshTokensOfService } from "./TellService.ts"
import { apparentBits, STRONG_BITS } from "./TokenStrength.ts"

const options = {
  label: Options.text("label").pipe(
    Options.withDescription("What the token is for, shown by `ens token list`")
  ),
  admin: Options.boolean("admin").pipe(
    Options.withDescription("Make an admin token, which opens the console and nothing else")
  ),
  tenant: Options.text("tenant").pipe(
    Options.withDescription("The organisation; made if it is new (default: default)"),
    Options.optional
  ),
  stdin: Options.boolean("stdin").pipe(
    Options.withDescription(
      "Read an existing ENSAPIToken from standard input, so that no phone needs a new profile"
    )
  ),
  ewsUrls: Options.text("ews-url").pipe(
    Options.withDescription("EWS URL that the tenant's credentials may go to; may be repeated"),
    Options.repeated
  ),
  ewsPins: Options.text("ews-pin").pipe(
    Options.withDescription("SHA-256 of the EWS server's certificate or public key; may be repeated"),
    Options.repeated
  ),
  seg: Options.boolean("seg").pipe(
    Options.withDescription("The tenant's EWS endpoint is a Secure Email Gateway")
  ),
  configFile,
  json
}

/** `ens token create`: makes or imports a token; prints a made one, this once only. */
export const createCommand = Command.make("create", options, (given) =>
  Effect.gen(function* () {
    const label = yield* name("--label", given.label)
    return yield* given.admin ? createAdmin(given, label) : createForPhones(given, label)
  })
).pipe(Command.withDescription("Make an API token or an admin token (shown once), or import an API token"))

type Given = Command.Command.ParseConfig<typeof options>

const createAdmin = Effect.fnUntraced(function* (given: Given, label: string) {
  const foreign = [
    ...(Option.isSome(given.tenant) ? ["--tenant"] : []),
    ...(given.stdin ? ["--stdin"] : []),
    ...(given.ewsUrls.length > 0 ? ["--ews-url"] : []),
    ...(given.ewsPins.length > 0 ? ["--ews-pin"] : []),
    ...(given.seg ? ["--seg"] : [])
  ]
  if (foreign.length > 0) return yield* problem(`not with --admin, but for API tokens: ${foreign.join(", ")}`)
  const { created, url } = yield* withAudit(
    given.configFile,
    { action: "token.create", target: ({ created }) => created.id },
    Effect.gen(function* () {
      return { created: yield* AdminTokens.create(label), url: AdminTokens.consoleUrl(yield* Settings) }
    })
  )
  const token = Redacted.value(created.token)
  yield* Console.log(
    given.json
      ? JSON.stringify({ id: created.id, label, token })
      : `${token}\n\nThis is admin token ${created.id} (${label}). It is not shown again. ${AdminTokens.whereToEnter(url)}`
  )
})

const createForPhones = Effect.fnUntraced(function* (given: Given, label: string) {
  const tenant = yield* name(
    "--tenant",
    Option.getOrElse(given.tenant, () => "default")
  )
  const ewsUrls = yield* Effect.forEach(given.ewsUrls, ewsUrl)
  const ewsPins = yield* Effect.forEach(given.ewsPins, ewsPin)
  const token = given.stdin ? yield* readToken : Redacted.value(yield* makeApiToken)
  const created = yield* withAudit(
    given.configFile,
    { action: "token.create", target: ({ id }) => id },
    store({ tenant, label, hash: hashApiToken(token), ewsUrls, ewsPins, seg: given.seg }).pipe(
      Effect.tap(({ id }) => (given.stdin ? warnOfWeak(token, id) : Effect.void))
    )
  )
  if (given.json) return yield* Console.log(JSON.stringify({ id: created.id, tenant: created.tenant, token }))
  yield* Console.log(
    given.stdin
      ? `token ${created.id} of tenant ${created.tenant} imported${created.expiresAt === null ? "" : `; it was there and has been rotated, so it ends at ${new Date(created.expiresAt).toISOString()}`}`
      : `${token}\n\nThis is token ${created.id} of tenant ${created.tenant}. It is not shown again: enter it as ENSAPIToken in the app's profile.`
  )
})

const store = Effect.fnUntraced(function* (
  asked: Omit<Parameters<Storage["Type"]["createToken"]>[0], "createdAt">
) {
  const storage = yield* Storage
  const createdAt = yield* Clock.currentTimeMillis
  const known = (yield* storage.tokenDirectory).find(({ hash }) => Buffer.compare(hash, asked.hash) === 0)
  if (known !== undefined && known.tenant.name !== asked.tenant) {
    return yield* new CommandProblem({
      problem: `the tenant ${known.tenant.name} has this token already; revoke it there (ens token list, ens token revoke ID), or give --tenant ${known.tenant.name}`
    })
  }
  if (known !== undefined && hasEnded(known, createdAt)) {
    return yield* new CommandProblem({
      problem: `this token has ended: it is token ${known.id}, which was replaced; give the phones the one that replaced it, or make another one`
    })
  }
  const created = yield* storage.createToken({ ...asked, createdAt })
  // A new token is noticed when it is used; that a known one's tenant has other URLs now is not.
  if (known !== undefined) yield* refreshTokensOfService
  return created
})

/** Made elsewhere, it is only as good as it was made. */
const warnOfWeak = (token: string, id: string): Effect.Effect<void> => {
  const bits = apparentBits(token)
  return bits >= STRONG_BITS
    ? Effect.void
    : Effect.logWarning(
        `the imported token looks like ${bits} bits at most, and should have ${STRONG_BITS}: who guesses it may ask as the tenant's phones do; replace it when you can: ens token rotate ${id}`
      )
}

const problem = (text: string) => Effect.fail(new UsageProblem({ problem: text }))

const name = (option: string, value: string) => {
  const plain = plainName(value)
  return plain === undefined
    ? problem(`${option} must be a text of 1 to 100 characters`)
    : Effect.succeed(plain)
}

const ewsUrl = (value: string) =>
  Either.match(webUrl(value.trim()), {
    onLeft: (must) => problem(`--ews-url ${must}, like https://mail.example.com/EWS/Exchange.asmx`),
    onRight: (url) =>
      url.protocol === "https:" || isLoopback(url)
        ? Effect.succeed(url.href)
        : problem("--ews-url must be https; plain http is for loopback addresses only")
  })

/** As tools print them: with or without colons, in any case. */
const ewsPin = (value: string) => {
  const pin = value.trim().replaceAll(":", "").toLowerCase()
  return /^[0-9a-f]{64}$/.test(pin)
    ? Effect.succeed(pin)
    : problem(
        "--ews-pin must be 64 hexadecimal digits; see: openssl x509 -in cert.pem -noout -fingerprint -sha256"
      )
}

const readToken = Effect.tryPromise({
  try: () => text(process.stdin),
  catch: () => new CommandProblem({ problem: "standard input cannot be read" })
}).pipe(
  Effect.map((input) => input.trim()),
  Effect.filterOrFail(
    (token) => /^[\x21-\x7e]{8,1024}$/.test(token),
    () =>
      new CommandProblem({
        problem: "standard input must hold one token of 8 to 1024 visible characters and nothing else"
      })
  )
)
