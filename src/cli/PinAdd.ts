import { X509Certificate } from "node:crypto"
import { existsSync } from "node:fs"
import { Args, Command } from "@effect/cli"
import { Clock, Console, Effect } from "effect"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import { connectReason } from "../../layers/net/ConnectError.ts"
import { fingerprintsOf } from "../../layers/net/Pins.ts"
import { issuerOf, subjectOf } from "../../layers/push/CnsCertificate.ts"
import * as CnsCertificateFile from "../../layers/push/CnsCertificateFile.ts"
import * as CnsConnection from "../../layers/push/CnsConnection.ts"
import { readBounded } from "../../layers/push/CnsFiles.ts"
import * as CnsPins from "../../layers/push/CnsPins.ts"
import { certificateInSettings } from "../../layers/push/CnsSetup.ts"
import { Settings, type SettingsShape } from "../../schemas/Settings.ts"
import { withSettings } from "./Administer.ts"
import { auditedAside } from "./AuditedAside.ts"
import { CommandProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"

const what = Args.text({ name: "HOST|FILE" }).pipe(
  Args.withDescription(
    "CNS's host (and :port), which is asked for its certificate, or a file with it (PEM, DER)"
  )
)

/** `ens pin add HOST|FILE`: shows a certificate and pins its public key, which outlives a renewal with the same key. */
export const addCommand = Command.make("add", { what, configFile, json }, (given) =>
  withSettings(
    given.configFile,
    Effect.gen(function* () {
      const { added, shown } = yield* auditedAside({ action: "pin.add", target: targetOf }, add(given.what))
      yield* Console.log(given.json ? JSON.stringify({ ...shown, added }) : textOf(shown, added))
    })
  )
).pipe(Command.withDescription("Pin the public key of CNS's certificate"))

const add = Effect.fnUntraced(function* (what: string) {
  const settings = yield* Settings
  if (!existsSync(settings.dataDir))
    return yield* problem(`there is no data directory ${settings.dataDir}; make it: ens init`)
  const { certificate, from } = existsSync(what)
    ? { certificate: yield* inFile(what), from: what }
    : yield* atHost(what, settings)
  const pins = yield* CnsPins.read(settings.dataDir)
  const prints = fingerprintsOf(certificate)
  const added = !pins.some(({ pin }) => pin === prints.key)
  const shown: Shown = {
    from,
    subject: subjectOf(certificate),
    issuer: issuerOf(certificate),
    expiresAt: certificate.validToDate.toISOString(),
    certificate: prints.certificate,
    pin: prints.key
  }
  if (added) {
    const pin = {
      pin: prints.key,
      from,
      subject: shown.subject,
      expiresAt: certificate.validToDate.getTime(),
      addedAt: yield* Clock.currentTimeMillis
    }
    yield* CnsPins.write(settings.dataDir, [...pins, pin])
  }
  return { shown, added }
})

const targetOf = ({ shown }: { readonly shown: Shown }) => shown.pin

interface Shown {
  readonly from: string
  readonly subject: string
  readonly issuer: string
  readonly expiresAt: string
  readonly certificate: string
  readonly pin: string
}

const textOf = (shown: Shown, added: boolean): string => `${shown.from}
  subject      ${shown.subject}
  issuer       ${shown.issuer}
  valid until  ${shown.expiresAt.slice(0, 10)}
  certificate  SHA-256 ${shown.certificate}
  public key   SHA-256 ${shown.pin}

${added ? "Its public key is pinned from the service's next start on." : "Its public key is pinned already."} Without a pinned one CNS gets nothing; see: ens pin list`

const inFile = (file: string) =>
  Effect.gen(function* () {
    const cure = "give CNS's certificate as a PEM or DER file"
    const bytes = yield* readBounded(file, CERTIFICATE_MAX, cure)
    return yield* Effect.try({
      try: () => new X509Certificate(bytes),
      catch: () => new CommandProblem({ problem: `${file} is no certificate; ${cure}` })
    })
  })

const atHost = (text: string, settings: SettingsShape) =>
  Effect.gen(function* () {
    const url = URL.parse(`https://${text}`)
    if (url === null || url.host !== text.toLowerCase().replace(/:443$/, ""))
      return yield* problem(
        `there is no file ${text}, and a host must be like cns.awmdm.com or cns.awmdm.com:443`
      )
    const cns = new URL(settings.cns.url)
    const usual = url.hostname === cns.hostname && cns.protocol === "https:" ? cns.port : ""
    const port = Number(url.port || usual || 443)
    const way = yield* CnsConnection.read(settings.cns)
    // Some servers end the handshake if nobody shows a certificate; it may be missing yet.
    const ours = yield* Effect.orElseSucceed(certificateAtHand(settings), () => undefined)
    const connection = { ...way, ...(ours === undefined ? {} : { identity: ours.identity }) }
    const host = url.hostname.replace(/^\[|\]$/g, "")
    const certificate = yield* CnsConnection.shownCertificate(connection, host, port).pipe(
      Effect.mapError(
        (error) =>
          new CommandProblem({
            problem: `${url.hostname}:${port} cannot be pinned: ${connectReason(error) ?? error.message} (ENS_CNS_CA_FILE and ENS_CNS_PROXY_URL are used)`
          })
      )
    )
    return { certificate, from: `${url.hostname}:${port}` }
  })

const certificateAtHand = ({ cns, dataDir, masterKey }: SettingsShape) =>
  Effect.flatMap(certificateInSettings(cns), (certificate) =>
    // Without that file no master key is needed, and there may be none yet.
    certificate === undefined && existsSync(CnsCertificateFile.certificateFile(dataDir))
      ? Effect.provideServiceEffect(
          CnsCertificateFile.read(dataDir),
          MasterKey,
          LocalMasterKey.read(masterKey)
        )
      : Effect.succeed(certificate)
  )

const CERTIFICATE_MAX = 256 * 1024

const problem = (text: string) => Effect.fail(new CommandProblem({ problem: text }))
