import { generateKeyPairSync } from "node:crypto"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { Terminal } from "@effect/platform/Terminal"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { wizard } from "../../../src/cli/InitWizard.ts"
import { configXml, P12_PASSWORD, p12 } from "../../support/CnsConfigXml.ts"
import { ens } from "../../support/CommandLine.ts"
import { hasTerminal, onTerminal } from "../../support/OnTerminal.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { TlsFiles } from "../../support/TlsFiles.ts"
import { BACKSPACE, CTRL_C, DOWN, ENTER, type Step, typing } from "../../support/Typing.ts"

/** What the wizard makes of these answers; its plan is undefined after a no, and "quit" after Ctrl-C. */
const asked = (steps: ReadonlyArray<Step>) =>
  Effect.gen(function* () {
    const { left, screen, terminal } = typing(steps)
    const lines: Array<string> = []
    const console = yield* Effect.consoleWith(Effect.succeed)
    const plan = yield* wizard((host) =>
      host.includes("/") ? Effect.fail("no host") : Effect.succeed(`https://${host}/EWS/Exchange.asmx`)
    ).pipe(
      Effect.catchTag("QuitException", () => Effect.succeed("quit" as const)),
      Effect.withConsole({ ...console, log: (line) => Effect.sync(() => void lines.push(String(line))) }),
      Effect.provideService(Terminal, terminal),
      Effect.provide(NodeContext.layer)
    )
    return { plan, left: left(), summary: lines.at(-1) ?? "", screen: screen() }
  })

const URL_ = "Public URL"
const LISTEN = "Address to listen on"
const DIRECTORY: Step = ["Directory for database", ENTER]
const EXCHANGE = "Exchange's host"
const CONFIG = "Config file to write"
const SURE = "Set this up?"

/** On this machine alone, without https. */
const local = (directory: string): ReadonlyArray<Step> => [
  [URL_, ENTER],
  [LISTEN, ENTER],
  ["Directory for database", `${join(directory, "data")}${ENTER}`],
  [EXCHANGE, `mail.example.com${ENTER}`]
]

const ending = (directory: string): ReadonlyArray<Step> => [
  [CONFIG, `${join(directory, "ens.json")}${ENTER}`],
  [SURE, "y"]
]

/** The plan that these answers must make, and that nothing was asked besides. */
const planOf = (steps: ReadonlyArray<Step>) =>
  Effect.map(asked(steps), ({ left, plan, screen, summary }) => {
    if (plan === undefined || plan === "quit") throw new Error(`no plan:\n${screen}`)
    expect(left).toEqual([])
    return { plan, summary, screen }
  })

const again = (wrong: string, right: string) =>
  `${wrong}${ENTER}${BACKSPACE.repeat(wrong.length)}${right}${ENTER}`

describe("the wizard of ens init", () => {
  it.scopedLive("asks again until an answer is right, and says what is wrong with it", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      writeFileSync(join(directory, "taken"), "")
      const { plan, screen } = yield* planOf([
        [URL_, again("ftp://x", "http://127.0.0.1:9000/ens")],
        [LISTEN, again("9000", "[::1]:9001")],
        ["Directory for database", again(join(directory, "taken"), join(directory, "data"))],
        [EXCHANGE, again("https://mail/EWS", "mail.example.com")],
        ["Push gateway", DOWN.repeat(3) + ENTER],
        [
          CONFIG,
          again(join(directory, "taken"), "").slice(0, -1) +
            again(join(directory, "no", "x"), join(directory, "ens.json"))
        ],
        [SURE, "y"]
      ])
      expect(plan).toMatchObject({
        settings: {
          ENS_PUBLIC_URL: "http://127.0.0.1:9000/ens",
          ENS_HOST: "::1",
          ENS_PORT: "9001",
          ENS_PUSH: "log"
        },
        ewsUrl: "https://mail.example.com/EWS/Exchange.asmx",
        writeConfig: join(directory, "ens.json")
      })
      for (const problem of [
        /Like 0\.0\.0\.0:8443/,
        /taken is a file/,
        /exists already/,
        /there is no directory/
      ])
        expect(screen.replace(/\s+/g, " ")).toMatch(problem)
    })
  )

  it.scopedLive("takes a certificate of ENS's own: PEM files whose key fits", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const files = new TlsFiles(directory)
      const { certFile, keyFile } = files.make("ens")
      const other = files.make("other")
      const { plan, screen } = yield* planOf([
        [URL_, `https://ens.example.com${ENTER}`],
        ["Who has the certificate", DOWN + ENTER],
        ["Certificate file", certFile + ENTER],
        ["Key file", again(other.keyFile, keyFile)],
        // Nothing is in front of it, so it listens where the world calls.
        ["0.0.0.0:443", ENTER],
        DIRECTORY,
        [EXCHANGE, ENTER],
        ["Push gateway", DOWN.repeat(3) + ENTER],
        ...ending(directory)
      ])
      expect(plan.settings).toMatchObject({
        ENS_TLS_CERT_FILE: certFile,
        ENS_TLS_KEY_FILE: keyFile,
        ENS_PORT: "443"
      })
      expect(plan.ewsUrl).toBeUndefined()
      expect(screen).toContain("ENS_TLS_KEY_FILE")
    })
  )

  it.scopedLive("takes a PKCS#12 file, whose password it neither shows nor writes down in the open", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const pfxFile = join(directory, "ens.pfx")
      writeFileSync(pfxFile, p12("ens.example.com"))
      const { plan, screen, summary } = yield* planOf([
        [URL_, `https://ens.example.com:8443${ENTER}`],
        ["Who has the certificate", DOWN.repeat(2) + ENTER],
        ["PKCS#12 file", pfxFile + ENTER],
        ["Its password", again("guess", P12_PASSWORD)],
        ["0.0.0.0:8443", ENTER],
        DIRECTORY,
        [EXCHANGE, ENTER],
        ["Push gateway", DOWN.repeat(3) + ENTER],
        ...ending(directory)
      ])
      expect(plan.settings.ENS_TLS_PFX_FILE).toBe(pfxFile)
      const password = plan.secrets.ENS_TLS_PFX_PASSWORD
      expect(password && Redacted.value(password)).toBe(P12_PASSWORD)
      expect(summary).toMatch(/ENS_TLS_PFX_PASSWORD +\(sealed by the master key\)/)
      expect(screen + summary).not.toContain(P12_PASSWORD)
    })
  )

  it.scopedLive("a reverse proxy has the certificate: nothing of TLS is asked or set", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const { plan, screen } = yield* planOf([
        [URL_, `https://ens.example.com${ENTER}`],
        ["Who has the certificate", ENTER],
        ["0.0.0.0:8080", ENTER],
        DIRECTORY,
        [EXCHANGE, ENTER],
        ["Push gateway", DOWN.repeat(3) + ENTER],
        ...ending(directory)
      ])
      expect(Object.keys(plan.settings).filter((name) => name.startsWith("ENS_TLS"))).toEqual([])
      expect(plan.secrets).toEqual({})
      // What wraps on a narrow terminal would not be wiped.
      const choices = stripVTControlCharacters(screen).match(/^(?:❯| ) [^?✔\n]*/gm) ?? []
      expect(choices).toContain("❯ A reverse proxy in front of ENS ")
      expect(choices.filter((line) => line.length > 40)).toEqual([])
    })
  )

  it.scopedLive("takes Apple's key and Google's account, and nothing that start would refuse", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const file = (name: string, text: string) => {
        writeFileSync(join(directory, name), text)
        return join(directory, name)
      }
      const key = (namedCurve: string) =>
        generateKeyPairSync("ec", { namedCurve })
          .privateKey.export({ type: "pkcs8", format: "pem" })
          .toString()
      const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
      const account = {
        type: "service_account",
        project_id: "mail",
        client_email: "ens@mail.example.com",
        private_key: rsa.export({ type: "pkcs8", format: "pem" }).toString()
      }
      const p8 = file("good.p8", key("P-256"))
      const google = file("google.json", JSON.stringify(account))
      const { plan, screen } = yield* planOf([
        ...local(directory),
        ["Push gateway", DOWN + ENTER],
        ["Apple's key file", again(file("other.p8", key("P-384")), p8)],
        ["Its key id", again("abc", "ABCDE12345")],
        ["Apple's team id", `TEAM567890${ENTER}`],
        [
          "service account",
          again(file("no.json", JSON.stringify({ ...account, project_id: undefined })), google)
        ],
        ...ending(directory)
      ])
      expect(plan.settings).toMatchObject({
        ENS_PUSH: "ios=apns,android=fcm",
        ENS_APNS_KEY_FILE: p8,
        ENS_APNS_KEY_ID: "ABCDE12345",
        ENS_APNS_TEAM_ID: "TEAM567890",
        ENS_FCM_SERVICE_ACCOUNT_FILE: google
      })
      expect(screen).toContain("is no APNs key")
      expect(screen).toContain("is no service account's key")
      expect(screen).toContain("Ten capital letters and digits")
    })
  )

  it.scopedLive("takes region and ARNs of SNS", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const arn = (name: string) => `arn:aws:sns:us-east-1:123456789012:app/${name}/mail`
      const { plan } = yield* planOf([
        ...local(directory),
        ["Push gateway", DOWN.repeat(2) + ENTER],
        ["AWS region", again("Frankfurt", "us-east-1")],
        ["for iOS", again("arn:aws:sns:us-east-1:1:topic", arn("APNS"))],
        ["for Android", arn("GCM") + ENTER],
        ...ending(directory)
      ])
      expect(plan.settings).toMatchObject({
        ENS_PUSH: "sns",
        ENS_SNS_REGION: "us-east-1",
        ENS_SNS_PLATFORM_ARN_IOS: arn("APNS"),
        ENS_SNS_PLATFORM_ARN_ANDROID: arn("GCM")
      })
    })
  )

  it.scopedLive("takes the certificate out of config.xml, whose password it does not show", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const xml = join(directory, "config.xml")
      writeFileSync(xml, configXml(p12("AW Cloud Notification - acme")))
      const { plan, screen, summary } = yield* planOf([
        ...local(directory),
        ["Push gateway", ENTER],
        ["config.xml of the", xml + ENTER],
        ["The password that was chosen", again("guess", P12_PASSWORD)],
        ...ending(directory)
      ])
      expect(plan.certificate).toBeDefined()
      expect(screen).toContain("not open")
      expect(screen + summary).not.toContain(P12_PASSWORD)
      expect(summary).toMatch(/ENS_PUSH +cns/)
    })
  )

  it.scopedLive("ends at Ctrl-C, whatever was asked, and goes no further than a no", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const all: ReadonlyArray<Step> = [
        ...local(directory),
        ["Push gateway", DOWN.repeat(3) + ENTER],
        ...ending(directory)
      ]
      for (let at = 0; at < all.length; at++) {
        const steps = [...all.slice(0, at), [all[at]![0], CTRL_C] as const]
        expect(yield* asked(steps)).toMatchObject({ plan: "quit", left: [] })
      }
      expect(yield* asked([...all.slice(0, -1), [SURE, "n"]])).toMatchObject({ plan: undefined, left: [] })
    })
  )
})

describe.skipIf(!hasTerminal)("ens init on a terminal (skipped without util-linux' script)", () => {
  const init = `'${process.execPath}' '${resolve("src/main.ts")}' init`
  const answers: ReadonlyArray<Step> = [
    [URL_, ENTER],
    [LISTEN, ENTER],
    DIRECTORY,
    [EXCHANGE, ENTER],
    ["Push gateway", DOWN.repeat(3) + ENTER]
  ]

  it.scopedLive(
    "shows the tokens though Ctrl-C ends the making of keys, and the commands that come next work as printed",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const { exitCode, screen } = yield* onTerminal(init, directory, [
          ...answers,
          [CONFIG, ENTER],
          [SURE, "y"],
          ["RSA keys for the first phones", CTRL_C]
        ])
        expect({ exitCode, screen }).toMatchObject({ exitCode: 0 })
        expect(screen).toMatch(/^ens_[\w-]{43}$/m)
        expect(screen).toMatch(/^ensadm-[\w-]{43}$/m)
        const config = join(directory, "ens.json")
        expect(statSync(config).mode & 0o777).toBe(0o600)
        const [, next = ""] = /Next:\n +(.*) doctor --config/.exec(screen) ?? []
        const shown = yield* onTerminal(`${next} token list --config ${config}`, directory)
        expect(shown).toMatchObject({ exitCode: 0, screen: expect.stringMatching(/admin-1/) })
        const read = JSON.parse((yield* ens("config", "--json", "--config", config)).out)
        expect(read).toMatchObject({ ENS_DATA_DIR: join(directory, "data"), ENS_PUSH: "ios=log,android=log" })
        expect(readFileSync(config, "utf8")).not.toMatch(/ens_|ensadm-/)
      }),
    120_000
  )

  it.scopedLive(
    "leaves nothing behind after Ctrl-C, and shows no colours with NO_COLOR",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const ended = yield* onTerminal(init, directory, [
          [URL_, ENTER],
          [LISTEN, CTRL_C]
        ])
        expect(ended).toMatchObject({
          exitCode: 1,
          screen: expect.stringContaining("ens: ended; nothing was made")
        })
        const plain = yield* onTerminal(init, directory, [...answers, [CONFIG, CTRL_C]], { NO_COLOR: "1" })
        expect(plain.exitCode).toBe(1)
        expect(plain.raw).not.toMatch(COLOR)
        expect(ended.raw).toMatch(COLOR)
        expect(existsSync(join(directory, "data")) || existsSync(join(directory, "ens.json"))).toBe(false)
      }),
    120_000
  )
})

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is how colours begin
const COLOR = /\u001b\[[\d;]*m/
