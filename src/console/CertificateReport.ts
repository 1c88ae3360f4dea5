import { Clock, Duration, Effect, Either } from "effect"
import * as CnsPins from "../../layers/push/CnsPins.ts"
import { Push } from "../../layers/push/Push.ts"
import { Storage, type Tenant } from "../../layers/storage/Storage.ts"
import { WARN_BEFORE } from "../../layers/telemetry/CertificateExpiry.ts"
import type { Certificates } from "../../schemas/ConsoleApi.ts"
import { Settings } from "../../schemas/Settings.ts"
import { readIdentity, tlsFiles } from "../http/TlsIdentity.ts"

/** What expires, the next first, and which certificates are pinned. Fails only if storage does. */
export const certificateReport = Effect.gen(function* () {
  const settings = yield* Settings
  const now = yield* Clock.currentTimeMillis
  const stored = yield* Effect.either(CnsPins.read(settings.dataDir))
  const cnsPins = Either.getOrElse(stored, () => [])
  const tenants = distinct(yield* Effect.flatMap(Storage, ({ tokenDirectory }) => tokenDirectory))
  const gateways = yield* Effect.flatMap(Push, ({ health }) => health)
  const expiries = [
    ...(yield* ownCertificate(settings)),
    ...gateways.flatMap(({ expires, gateway }) =>
      expires.map(({ at, what }) => ({ what: GATEWAY_THINGS[what] ?? `${gateway}: ${what}`, at }))
    ),
    ...cnsPins.map(({ expiresAt, from }) => ({
      what: `certificate pinned for CNS, from ${from}`,
      at: expiresAt
    })),
    ...(Either.isLeft(stored) ? [{ what: stored.left.message, at: null }] : [])
  ]
  return {
    expiries: expiries
      .map(({ at, what }) => ({
        what,
        at,
        days: at === null ? null : Math.floor((at - now) / DAY),
        soon: at === null || at - now <= Duration.toMillis(WARN_BEFORE)
      }))
      .sort((a, b) => (a.at ?? 0) - (b.at ?? 0)),
    pins: [
      ...cnsPins.map(({ from, pin }) => ({ of: "CNS", fingerprint: pin, from: `ens pin add ${from}` })),
      ...settings.cns.pins.map((pin) => ({ of: "CNS", fingerprint: pin, from: "ENS_CNS_PINS" })),
      ...tenants.flatMap(({ ewsPins, name }) =>
        ewsPins.map((pin) => ({
          of: `EWS of tenant ${name}`,
          fingerprint: pin,
          from: "ens token create --ews-pin"
        }))
      )
    ]
  } satisfies typeof Certificates.Type
})

/** Of the public listener; `at` null: its files cannot be read, and the text says why. */
const ownCertificate = ({ tls }: Settings["Type"]) =>
  tlsFiles(tls).length === 0
    ? Effect.succeed([])
    : readIdentity(tls).pipe(
        Effect.match({
          onFailure: ({ message }) => [{ what: message, at: null }],
          onSuccess: ({ certificate }) => [
            { what: `own certificate (${tlsFiles(tls)[0]})`, at: Date.parse(certificate.validTo) }
          ]
        })
      )

const DAY = 86_400_000

const GATEWAY_THINGS: Readonly<Record<string, string>> = {
  cns: "our certificate for CNS",
  cns_pin: "the last certificate pinned for CNS"
}

const distinct = (directory: ReadonlyArray<{ readonly tenant: Tenant }>): ReadonlyArray<Tenant> => [
  ...new Map(directory.map(({ tenant }) => [tenant.tenant, tenant])).values()
]
