import { join } from "node:path"
import { Effect, Redacted, Schema } from "effect"
import { MasterKey } from "../crypto/MasterKey.ts"
import * as CnsCertificate from "./CnsCertificate.ts"
import { readIfThere, replace } from "./CnsFiles.ts"
import { PushSetupError } from "./PushSetupError.ts"

/** Where `ens init` keeps the CNS certificate: with its key, wrapped by the master key, so that no password is kept. */
export const certificateFile = (dataDir: string): string => join(dataDir, "cns.certificate")

/** The certificate that `ens init` has stored; undefined if there is none. */
export const read = Effect.fnUntraced(function* (
  dataDir: string
): Effect.fn.Return<CnsCertificate.CnsCertificate | undefined, PushSetupError, MasterKey> {
  const file = certificateFile(dataDir)
  const wrapped = yield* readIfThere(file, MAX, CURE)
  if (wrapped === undefined) return undefined
  const { unwrap } = yield* MasterKey
  const broken = () =>
    new PushSetupError({ gateway: "cns", problem: `${file} cannot be opened by this master key; ${CURE}` })
  const plain = yield* Effect.mapError(unwrap(wrapped, CONTEXT), broken)
  const { certificates, digest, key } = yield* decode(plain.toString("utf8")).pipe(
    Effect.mapError(broken),
    Effect.ensuring(Effect.sync(() => plain.fill(0)))
  )
  return CnsCertificate.of({ certificates, digest, key: Redacted.make(key) })
})

/** Stores it, in place of another. */
export const write = Effect.fnUntraced(function* (
  dataDir: string,
  { identity: { certificates, digest, key } }: CnsCertificate.CnsCertificate
): Effect.fn.Return<void, PushSetupError, MasterKey> {
  const { wrap } = yield* MasterKey
  const plain = Buffer.from(JSON.stringify({ certificates, digest, key: Redacted.value(key) }), "utf8")
  const wrapped = wrap(plain, CONTEXT)
  plain.fill(0)
  yield* replace(certificateFile(dataDir), wrapped)
})

const decode = Schema.decodeUnknown(
  Schema.parseJson(Schema.Struct({ certificates: Schema.String, digest: Schema.String, key: Schema.String }))
)

const MAX = 256 * 1024
const CONTEXT = "cns-certificate"
const CURE = "remove it, and import the certificate again: ens init --config-xml FILE --password-file FILE"
