import { Clock, Effect, Redacted } from "effect"
import { hashApiToken, makeApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import { type CnsCertificate, subjectOf } from "../../layers/push/CnsCertificate.ts"
import * as CnsCertificateFile from "../../layers/push/CnsCertificateFile.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { Settings } from "../../schemas/Settings.ts"
import * as AdminTokens from "./AdminTokens.ts"
import type { InitReport } from "./InitReport.ts"

interface Asked {
  /** What there was before storage and keys were opened. */
  readonly before: { readonly dataDir: boolean; readonly masterKey: boolean; readonly database: boolean }
  readonly certificate: CnsCertificate | undefined
  readonly ewsUrl: string | undefined
}

/** Makes what is missing of a first set-up; storage and keys are there when this runs. */
export const setUp = Effect.fnUntraced(function* ({ before, certificate, ewsUrl }: Asked) {
  const settings = yield* Settings
  const storage = yield* Storage
  const cns = yield* keepCertificate(settings.dataDir, certificate)
  const tokens = yield* storage.listTokens
  const token = tokens.length > 0 ? undefined : yield* firstToken(ewsUrl)
  const adminTokens = yield* storage.listAdminTokens
  const adminToken = adminTokens.length > 0 ? undefined : yield* AdminTokens.create("first")
  const notes = [
    ...cns.notes,
    ...(cns.kept !== undefined && (settings.cns.certFile ?? settings.cns.configFile) !== undefined
      ? ["ENS_CNS_CERT_FILE or ENS_CNS_CONFIG_FILE is set, and used instead of the stored CNS certificate"]
      : []),
    ...(ewsUrl !== undefined && token === undefined
      ? [`${ewsUrl} was not added, because there are API tokens already; use: ens token create --ews-url`]
      : [])
  ]
  return {
    dataDir: { at: settings.dataDir, made: !before.dataDir },
    masterKey: {
      at: "file" in settings.masterKey ? settings.masterKey.file : "ENS_MASTER_KEY",
      made: !before.masterKey
    },
    database: { at: storage.location, made: !before.database },
    cns: cns.kept,
    token,
    tokens: tokens.length,
    adminToken,
    adminTokens: adminTokens.length,
    console: AdminTokens.consoleUrl(settings),
    ewsUrl: token === undefined ? undefined : ewsUrl,
    notes
  } satisfies Omit<InitReport, "config">
})

const keepCertificate = Effect.fnUntraced(function* (dataDir: string, given: CnsCertificate | undefined) {
  const at = CnsCertificateFile.certificateFile(dataDir)
  const stored = yield* CnsCertificateFile.read(dataDir)
  const kept = stored ?? given
  if (kept === undefined) return { kept: undefined, notes: [] }
  if (stored === undefined) yield* CnsCertificateFile.write(dataDir, kept)
  const another = given !== undefined && given.identity.digest !== kept.identity.digest
  const { certificate } = kept
  return {
    kept: {
      at,
      made: stored === undefined,
      subject: subjectOf(certificate),
      expiresAt: certificate.validToDate.getTime()
    },
    notes: another ? [`another CNS certificate is stored; to replace it, remove ${at} and repeat`] : []
  }
})

const firstToken = Effect.fnUntraced(function* (ewsUrl: string | undefined) {
  const storage = yield* Storage
  const token = yield* makeApiToken
  const { id, tenant } = yield* storage.createToken({
    tenant: "default",
    label: "phones",
    hash: hashApiToken(Redacted.value(token)),
    ewsUrls: ewsUrl === undefined ? [] : [ewsUrl],
    ewsPins: [],
    seg: false,
    createdAt: yield* Clock.currentTimeMillis
  })
  return { id, tenant, token }
})
