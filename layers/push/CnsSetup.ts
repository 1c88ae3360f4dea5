import { Effect, type Scope } from "effect"
import type { SettingsShape } from "../../schemas/Settings.ts"
import type { MasterKey } from "../crypto/MasterKey.ts"
import * as CnsCertificate from "./CnsCertificate.ts"
import * as CnsCertificateFile from "./CnsCertificateFile.ts"
import * as CnsConnection from "./CnsConnection.ts"
import * as CnsExpiry from "./CnsExpiry.ts"
import * as CnsGateway from "./CnsGateway.ts"
import * as CnsPins from "./CnsPins.ts"
import * as CnsSigner from "./CnsSigner.ts"
import type { Expiry, Gateway } from "./Gateway.ts"
import type { PushSetupError } from "./PushSetupError.ts"

/**
 * The gateway `cns` as the settings have it: with the certificate of `ENS_CNS_CERT_FILE` or `ENS_CNS_CONFIG_FILE`, else the
 * one that `ens init` has stored, both in TLS and as the signer; and with the pins of `ENS_CNS_PINS` and `ens pin` together.
 * Without a certificate it warns and sends unsigned.
 */
export const make = Effect.fnUntraced(function* (
  settings: SettingsShape
): Effect.fn.Return<Gateway, PushSetupError, Scope.Scope | MasterKey> {
  const { cns, dataDir } = settings
  const certificate = yield* certificateOf(settings)
  const stored = yield* CnsPins.read(dataDir)
  const way = yield* CnsConnection.read(cns)
  const pins = [...cns.pins, ...stored.map(({ pin }) => pin)]
  const gateway = yield* CnsGateway.make({
    url: cns.url,
    connection: { ...way, pins, ...(certificate && { identity: certificate.identity }) },
    ...(certificate && { signer: CnsSigner.make(certificate, cns.cms) })
  })
  const expires: Array<Expiry> = []
  if (certificate === undefined) {
    yield* Effect.logWarning(
      "No CNS certificate is configured: notifications are sent to CNS unsigned; import it with ens init --config-xml FILE --password-file FILE"
    )
  } else expires.push(yield* watchCertificate(certificate))
  // Pins of the settings may outlive the stored ones; nothing is known of their ends.
  if (stored.length > 0 && cns.pins.length === 0) expires.push(yield* watchPins(stored))
  return { ...gateway, expires }
})

/** The certificate for CNS: of the settings, else the stored one; undefined if there is none. */
const certificateOf = ({
  cns,
  dataDir
}: SettingsShape): Effect.Effect<CnsCertificate.CnsCertificate | undefined, PushSetupError, MasterKey> =>
  Effect.flatMap(certificateInSettings(cns), (certificate) =>
    certificate === undefined ? CnsCertificateFile.read(dataDir) : Effect.succeed(certificate)
  )

/** The one that the settings name, for which no master key is needed. */
export const certificateInSettings = (
  cns: SettingsShape["cns"]
): Effect.Effect<CnsCertificate.CnsCertificate | undefined, PushSetupError> => {
  const [file, setting] =
    cns.certFile === undefined ? [cns.configFile, "ENS_CNS_CONFIG_FILE"] : [cns.certFile, "ENS_CNS_CERT_FILE"]
  return file === undefined
    ? Effect.succeed(undefined)
    : CnsCertificate.read({
        file,
        password: cns.certPassword,
        setting,
        passwordSetting: "ENS_CNS_CERT_PASSWORD"
      })
}

const watchCertificate = ({ certificate }: CnsCertificate.CnsCertificate) =>
  CnsExpiry.watch({
    what: "cns",
    name: `The CNS certificate [${CnsCertificate.subjectOf(certificate)}]`,
    expiresAt: certificate.validToDate.getTime(),
    cure: "download config.xml with a new one from the UEM console, and put it in place of ENS_CNS_CONFIG_FILE, or remove cns.certificate from the data directory and run ens init --config-xml FILE --password-file FILE"
  })

const watchPins = (pins: ReadonlyArray<CnsPins.StoredPin>) =>
  CnsExpiry.watch({
    what: "cns_pin",
    name: "The last certificate that is pinned for CNS",
    expiresAt: Math.max(...pins.map(({ expiresAt }) => expiresAt)),
    cure: "pin the next one before CNS shows it: ens pin add FILE"
  })
