import { readFile } from "node:fs/promises"
import { Command, Options } from "@effect/cli"
import { Console, Effect, Option } from "effect"
import { readPem } from "../sandbox/CertificateFolder.ts"
import {
  type DeviceAnswer,
  type DeviceCallFailed,
  type DeviceLogin,
  type DeviceStandIn,
  makeDevice
} from "../sandbox/Device.ts"
import { CommandProblem } from "./CommandProblem.ts"
import { optionalField } from "./OptionalField.ts"

const text = (name: string, description: string) =>
  Options.text(name).pipe(Options.withDescription(description), Options.optional)

const who = {
  baseUrl: Options.text("base-url").pipe(
    Options.withDescription("Device API of the service"),
    Options.withDefault("http://127.0.0.1:8080/MailNotificationService/api/ens")
  ),
  ca: Options.file("ca").pipe(
    Options.withDescription("CA of the service's certificate (PEM)"),
    Options.optional
  ),
  apiToken: Options.text("api-token").pipe(Options.withDescription("As ens token create printed it")),
  email: Options.text("email").pipe(Options.withDescription("Address of the user")),
  platform: Options.choice("platform", ["iOS", "Android"]).pipe(
    Options.withDescription("What kind of phone it is (default: iOS)"),
    Options.withDefault("iOS" as const)
  ),
  deviceToken: Options.text("device-token").pipe(
    Options.withDescription("Its push token"),
    Options.withDefault("rehearsal")
  )
}

const registration = {
  ...who,
  username: text("username", "Name to log in with, or DOMAIN\\name (default: the address)"),
  domain: text("domain", "Domain of the name"),
  password: text("password", "Password to log in with"),
  accessToken: text("access-token", "OAuth token to log in with"),
  certificate: Options.file("certificate").pipe(
    Options.withDescription("PKCS#12 file to log in with, alone or besides the others"),
    Options.optional
  ),
  certificatePassword: text("certificate-password", "Password of that file"),
  deviceId: text("device-id", "UEM id, for a Secure Email Gateway"),
  ewsUrl: text("ews-url", "EWS URL; without it the tenant's list or Autodiscover decides"),
  exchangeVersion: text("exchange-version", "Version that the app knows, like Exchange2010_SP1"),
  force: Options.boolean("force").pipe(Options.withDescription("Ask for a new subscription"))
}

const register = Command.make("register", registration, (given) =>
  Effect.gen(function* () {
    const device = yield* deviceOf(given, {
      login: yield* loginOf(given),
      ...optionalField("deviceId", given.deviceId),
      ...optionalField("ewsUrl", given.ewsUrl),
      ...optionalField("exchangeVersion", given.exchangeVersion)
    })
    yield* tell(device.register(given.force ? { forceSubscription: true } : {}))
  })
).pipe(Command.withDescription("Register, as the app does after its user has logged in"))

const verb = (
  name: string,
  description: string,
  call: (device: DeviceStandIn) => Effect.Effect<DeviceAnswer, DeviceCallFailed>
) =>
  Command.make(name, who, (given) =>
    Effect.flatMap(deviceOf(given, { login: {} }), (device) => tell(call(device)))
  ).pipe(Command.withDescription(description))

/** `ens sandbox device` */
export const deviceCommand = Command.make("device").pipe(
  Command.withDescription("A phone: one call to the service's device API"),
  Command.withSubcommands([
    register,
    verb("status", "Ask for the state of the subscription", (device) => device.status),
    verb("unregister", "Unregister", (device) => device.unregister)
  ])
)

interface Who {
  readonly baseUrl: string
  readonly ca: Option.Option<string>
  readonly apiToken: string
  readonly email: string
  readonly platform: "iOS" | "Android"
  readonly deviceToken: string
}

const deviceOf = (
  { baseUrl, ca, apiToken, email, platform, deviceToken }: Who,
  more: {
    readonly login: DeviceLogin
    readonly deviceId?: string
    readonly ewsUrl?: string
    readonly exchangeVersion?: string
  }
) =>
  Effect.gen(function* () {
    const trusted = yield* Effect.transposeMapOption(ca, readPem)
    const options = { baseUrl, apiToken, address: email, platform, deviceToken, ...more }
    return yield* makeDevice(Option.isSome(trusted) ? { ...options, ca: trusted.value } : options)
  })

const loginOf = (given: {
  readonly email: string
  readonly username: Option.Option<string>
  readonly domain: Option.Option<string>
  readonly password: Option.Option<string>
  readonly accessToken: Option.Option<string>
  readonly certificate: Option.Option<string>
  readonly certificatePassword: Option.Option<string>
}): Effect.Effect<DeviceLogin, CommandProblem> =>
  Effect.gen(function* () {
    const certificate = yield* Effect.transposeMapOption(given.certificate, (file) =>
      Effect.tryPromise({
        try: () => readFile(file, "base64"),
        catch: () => new CommandProblem({ problem: `--certificate ${file} cannot be read` })
      })
    )
    const logins = [given.password, given.accessToken, certificate]
    if (logins.every(Option.isNone))
      return yield* new CommandProblem({ problem: "give --password, --access-token or --certificate" })
    return {
      ...(Option.isSome(given.password)
        ? { username: Option.getOrElse(given.username, () => given.email), password: given.password.value }
        : {}),
      ...optionalField("domain", given.domain),
      ...optionalField("accessToken", given.accessToken),
      ...optionalField("certificate", certificate),
      ...optionalField("certificatePassword", given.certificatePassword)
    }
  })

/** Prints the answer; one that says no ends the command with another code than 0. */
const tell = (answered: Effect.Effect<DeviceAnswer, DeviceCallFailed>) =>
  Effect.gen(function* () {
    const answer = yield* answered
    yield* Console.log(JSON.stringify(answer))
    if (answer.status >= 400)
      yield* new CommandProblem({
        problem: `the service refuses, code ${answer.responseCode}: ${answer.errorMessage}`
      })
  })
