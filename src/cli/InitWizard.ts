import { resolve } from "node:path"
import { Prompt } from "@effect/cli"
import { Console, Effect, Redacted } from "effect"
import { isLoopback } from "../../layers/net/Loopback.ts"
import * as Answers from "./InitAnswers.ts"
import type { InitPlan } from "./InitPlan.ts"
import { textTable } from "./TextTable.ts"

/**
 * Asks for all of a first set-up, and checks each answer at once. Undefined: the operator did not want to go on. Makes
 * nothing. Ctrl-C fails with `QuitException`.
 */
export const wizard = (ewsUrlOf: (host: string) => Effect.Effect<string, unknown>) =>
  Effect.gen(function* () {
    yield* Console.log(
      "First set-up of ENS. Nothing is made before the last question; Ctrl-C ends this at any time.\n"
    )
    const reach = yield* asksReach
    const dataDir = yield* asks("Directory for database and keys", "data", Answers.directory)
    const host = yield* asks(
      "Exchange's host (empty: Autodiscover finds it for each user)",
      "",
      Answers.exchangeHost(ewsUrlOf)
    )
    const push = yield* asksPush
    const writeConfig = yield* asks("Config file to write", "ens.json", Answers.newConfigFile)
    const plan: InitPlan = {
      settings: { ...reach.settings, ENS_DATA_DIR: dataDir, ...push.settings },
      secrets: reach.secrets,
      writeConfig: resolve(writeConfig),
      certificate: push.certificate,
      ewsUrl: host === "" ? undefined : yield* Effect.orDie(ewsUrlOf(host)),
      keys: KEYS
    }
    yield* Console.log(`\n${summaryOf(plan)}\n`)
    return (yield* Prompt.confirm({ message: "Set this up?", initial: true })) ? plan : undefined
  })

/** What is going to be set up. */
export const summaryOf = ({ certificate, ewsUrl, secrets, settings, writeConfig }: InitPlan): string =>
  textTable(
    ["SETTING", "VALUE"],
    [
      ...Object.entries(settings),
      ...Object.keys(secrets).map((name) => [name, "(sealed by the master key)"]),
      ["Exchange", ewsUrl ?? "by Autodiscover"],
      ...(certificate === undefined ? [] : [["CNS certificate", "kept in the data directory, encrypted"]]),
      ["Config file", writeConfig ?? "none"]
    ]
  )

/** Where Exchange and phones reach ENS. */
const asksReach = Effect.gen(function* () {
  const url = yield* asks(
    "Public URL, which Exchange and phones call",
    "http://127.0.0.1:8080",
    Answers.publicUrl
  )
  const parsed = new URL(url)
  const https = parsed.protocol === "https:"
  const tls = https ? yield* asksTls : NOTHING
  const usual = isLoopback(parsed)
    ? `127.0.0.1:${parsed.port || "8080"}`
    : `0.0.0.0:${parsed.port || (tls === NOTHING ? "8080" : "443")}`
  const [host, port] = Answers.hostAndPort(yield* asks("Address to listen on", usual, Answers.listener))
  return {
    settings: { ENS_PUBLIC_URL: url, ENS_HOST: host, ENS_PORT: port, ...tls.settings },
    secrets: tls.secrets
  }
})

// A choice that does not fit into a line of 40 columns is not wiped as a whole when another one is marked.
const asksTls = Effect.gen(function* () {
  const kind = yield* Prompt.select({
    message: "Who has the certificate?",
    choices: [
      { title: "A reverse proxy in front of ENS", value: "proxy" },
      { title: "ENS itself, with PEM files", value: "pem" },
      { title: "ENS itself, with a .pfx or .p12 file", value: "pfx" }
    ] as const
  })
  if (kind === "proxy") return NOTHING
  if (kind === "pem") {
    const certFile = yield* asks("Certificate file, with its chain", "", Answers.file)
    const keyFile = yield* asks("Key file", "", Answers.tlsKey(certFile))
    return { settings: { ENS_TLS_CERT_FILE: certFile, ENS_TLS_KEY_FILE: keyFile }, secrets: {} }
  }
  const pfxFile = yield* asks("PKCS#12 file", "", Answers.file)
  const password = yield* hidden("Its password", Answers.pfxPassword(pfxFile))
  return {
    settings: { ENS_TLS_PFX_FILE: pfxFile },
    secrets: Redacted.value(password) === "" ? {} : { ENS_TLS_PFX_PASSWORD: password }
  }
})

/** Who sends to the phones. */
const asksPush = Effect.gen(function* () {
  const gateway = yield* Prompt.select({
    message: "Push gateway",
    choices: [
      { title: "CNS, of Workspace ONE", value: "cns" },
      { title: "Apple and Google directly", value: "ios=apns,android=fcm" },
      { title: "Amazon SNS", value: "sns" },
      { title: "None yet: into the log", value: "log" }
    ] as const
  })
  const settings = { ENS_PUSH: gateway }
  if (gateway === "log") return { settings, certificate: undefined }
  if (gateway === "sns") {
    const arn = (what: string) =>
      asks(
        `ARN of the platform application for ${what}`,
        "",
        Answers.matches(ARN, "Like arn:aws:sns:…:app/…")
      )
    return {
      settings: {
        ...settings,
        ENS_SNS_REGION: yield* asks(
          "AWS region",
          "eu-central-1",
          Answers.matches(/^[a-z]{2}(-[a-z]+)+-\d$/, "Like eu-central-1")
        ),
        ENS_SNS_PLATFORM_ARN_IOS: yield* arn("iOS"),
        ENS_SNS_PLATFORM_ARN_ANDROID: yield* arn("Android")
      },
      certificate: undefined
    }
  }
  if (gateway === "cns") {
    const xml = yield* asks("config.xml of the Workspace ONE console", "config.xml", Answers.file)
    const password = yield* hidden(
      "The password that was chosen when it was downloaded",
      Answers.cnsPassword(xml)
    )
    return { settings, certificate: yield* Answers.cnsCertificate(xml, Redacted.value(password)) }
  }
  const ten = Answers.matches(/^[A-Z0-9]{10}$/, "Ten capital letters and digits")
  return {
    settings: {
      ...settings,
      ENS_APNS_KEY_FILE: yield* asks("Apple's key file (.p8)", "", Answers.apnsKey),
      ENS_APNS_KEY_ID: yield* asks("Its key id", "", ten),
      ENS_APNS_TEAM_ID: yield* asks("Apple's team id", "", ten),
      ENS_FCM_SERVICE_ACCOUNT_FILE: yield* asks(
        "Google's service account file (JSON)",
        "",
        Answers.serviceAccount
      )
    },
    certificate: undefined
  }
})

const asks = (message: string, initial: string, validate: Answers.Check) =>
  Prompt.text({ message, default: initial, validate })

const hidden = (message: string, validate: Answers.Check) => Prompt.hidden({ message, validate })

const NOTHING: Pick<InitPlan, "settings" | "secrets"> = { settings: {}, secrets: {} }
const ARN = /^arn:aws[\w-]*:sns:[\w-]+:\d{12}:app\/\S+$/

/** As many as a pilot group has phones. */
const KEYS = 20
