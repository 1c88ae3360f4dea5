import { randomBytes, X509Certificate } from "node:crypto"
import { Clock, Effect, Either, Layer } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../../layers/crypto/MasterKey.ts"
import { findMasterKey } from "../../../layers/crypto/MasterKeyFile.ts"
import { connectKind, connectReason } from "../../../layers/net/ConnectError.ts"
import { isLoopback } from "../../../layers/net/Loopback.ts"
import { fingerprintsOf, matches } from "../../../layers/net/Pins.ts"
import * as CnsConnection from "../../../layers/push/CnsConnection.ts"
import * as CnsPins from "../../../layers/push/CnsPins.ts"
import * as ConfiguredGateways from "../../../layers/push/ConfiguredGateways.ts"
import { gatewayFault } from "../../../layers/push/GatewayFault.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { type GatewayName, Settings, type SettingsShape } from "../../../schemas/Settings.ts"
import type { Check } from "../Check.ts"
import { failed, faulty, faultyGateway, ok, skipped, type Tell } from "../Finding.ts"
import { Patient } from "../Patient.ts"
import { tellSkew } from "./ClockSkew.ts"
import { tellExpiry } from "./Expiry.ts"

/** The push gateways: what they need is there and valid, they can be reached, and let us in. No device gets anything. */
export const gateways: Check = {
  name: "push",
  within: 90,
  network: true,
  run: (tell) =>
    Effect.gen(function* () {
      const { push } = (yield* Patient).settings
      for (const name of new Set([push.ios, push.android])) {
        const platforms = [push.ios === name ? "iOS" : "", push.android === name ? "Android" : ""]
        yield* examine(tell, name, platforms.filter((one) => one !== "").join(" and "))
      }
    })
}

const examine = Effect.fnUntraced(function* (tell: Tell, name: GatewayName, platforms: string) {
  const { settings } = yield* Patient
  const check = `push ${name}`
  if (name === "log") {
    const where = settings.pushLogFile ?? "standard output"
    return tell(ok(check, `notifications for ${platforms} are written to ${where}; no phone gets one`))
  }
  if (name === "cns" && !(yield* examineCnsTls(tell, settings))) return
  const made = yield* Effect.either(makeOne(name, settings))
  if (Either.isLeft(made)) return tell(failed(check, made.left.message))
  const { expires = [], probe } = made.right
  const now = yield* Clock.currentTimeMillis
  for (const { at, what } of expires) {
    tellExpiry(
      tell,
      check,
      what === "cns_pin" ? "the last pinned certificate of CNS" : "our certificate",
      at,
      now
    )
  }
  if (name === "cns" && !expires.some(({ what }) => what === "cns")) tell(unsigned(check, settings))
  if (probe === undefined) return tell(skipped(check, "it can be asked nothing without a device"))
  const { date, outcome, says } = yield* probe
  yield* tellSkew(tell, name, date === undefined ? undefined : Date.parse(date))
  if (outcome === "works") return tell(ok(check, says))
  const fault = gatewayFault(says)
  const cause = outcome === "refused" && fault === "gateway-down" ? "gateway-log-in-refused" : fault
  tell(faultyGateway(check, cause, says))
})

const unsigned = (check: string, { cns }: SettingsShape) => {
  const says = "no CNS certificate is configured, so that requests are not signed"
  return isLoopback(new URL(cns.url))
    ? skipped(check, says)
    : failed(check, says, "import it: ens init --config-xml FILE --password-file FILE")
}

/** The one gateway, as the service would make it. */
const makeOne = Effect.fnUntraced(function* (name: GatewayName, settings: SettingsShape) {
  const one = (platform: GatewayName): GatewayName => (platform === name ? name : "log")
  const push = { ios: one(settings.push.ios), android: one(settings.push.android) }
  const { android, ios } = yield* ConfiguredGateways.make.pipe(
    Effect.provideService(Settings, { ...settings, push, pushLogFile: undefined }),
    Effect.provideService(MasterKey, yield* keyAtHand),
    Effect.provideService(Storage, yield* storageAtHand)
  )
  return push.ios === name ? ios : android
})

/** A stored certificate opens with the right key alone, and nothing else here needs it. */
const keyAtHand = Effect.gen(function* () {
  const source = (yield* Patient).settings.masterKey
  const isThere = "value" in source || (yield* findMasterKey(source.file)) !== undefined
  return isThere ? yield* LocalMasterKey.read(source) : LocalMasterKey.make(randomBytes(32))
})

const storageAtHand = Effect.gen(function* () {
  const found = yield* (yield* Patient).storage
  return found._tag === "Opened"
    ? found.storage
    : yield* Effect.provide(Storage, yield* Layer.build(MemoryStorage.layer))
})

/** The way to CNS by itself, because its certificate is pinned. False: nothing more can be asked. */
const examineCnsTls = Effect.fnUntraced(function* (tell: Tell, { cns, dataDir }: SettingsShape) {
  const url = new URL(cns.url)
  const check = `TLS ${url.host}`
  if (url.protocol === "http:") {
    tell(skipped(check, "plain HTTP on this machine"))
    return true
  }
  const read = yield* Effect.either(Effect.all([CnsConnection.read(cns), CnsPins.read(dataDir)]))
  if (Either.isLeft(read)) {
    tell(failed(check, read.left.message))
    return false
  }
  const [way, stored] = read.right
  const pins = [...cns.pins, ...stored.map(({ pin }) => pin)]
  const name = url.hostname.replace(/^\[|\]$/g, "")
  const shown = yield* Effect.either(CnsConnection.shownCertificate(way, name, Number(url.port || 443)))
  if (Either.isLeft(shown)) {
    const code = "code" in shown.left ? String(shown.left.code) : "unknown"
    const reason = connectReason(shown.left) ?? code
    const cure = "install the whole chain there, or name the authority in ENS_CNS_CA_FILE"
    tell(
      connectKind(code) === "certificate"
        ? faulty(check, "certificate-not-trusted", `that of CNS: ${reason}`, cure)
        : faulty(check, "gateway-down", `CNS: ${reason}`)
    )
    return false
  }
  const certificate = new X509Certificate(shown.right.raw)
  const found = fingerprintsOf(certificate)
  if (pins.length > 0 && !matches(found, pins)) {
    const says = `CNS at ${url.host} shows SHA-256 ${found.certificate} (of its key ${found.key}), which is none of the ${pins.length} pinned`
    tell(
      faulty(
        check,
        "pin-mismatch",
        says,
        "if the change is intended, pin the new one (ens pin add); else somebody stands in between"
      )
    )
    return false
  }
  tell(ok(check, `trusted, ${pins.length === 0 ? "no pins" : "pinned"}, SHA-256 of its key ${found.key}`))
  tellExpiry(
    tell,
    check,
    "the certificate of CNS",
    certificate.validToDate.getTime(),
    yield* Clock.currentTimeMillis
  )
  return true
})
