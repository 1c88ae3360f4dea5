import { createPrivateKey, type KeyObject } from "node:crypto"
import { readFile } from "node:fs/promises"
import { Effect, Schema } from "effect"
import type { FcmSettings } from "../../schemas/Settings.ts"
import { isLoopback } from "../net/Loopback.ts"
import { PushSetupError } from "./PushSetupError.ts"

/** As whom ENS speaks to Google. */
export interface ServiceAccount {
  readonly projectId: string
  readonly email: string
  readonly keyId: string | undefined
  readonly key: KeyObject
  /** Where it logs in. */
  readonly tokenUrl: URL
}

/** Reads the file that the Firebase console gives out for a service account. */
export const read = Effect.fnUntraced(function* ({
  serviceAccountFile: file
}: FcmSettings): Effect.fn.Return<ServiceAccount, PushSetupError> {
  if (file === undefined)
    return yield* problem(
      "ENS_FCM_SERVICE_ACCOUNT_FILE must be set: generate a key in the Firebase console, project settings, service accounts"
    )
  const text = yield* Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (cause) =>
      new PushSetupError({
        gateway: "fcm",
        problem: `cannot read ${file} (${(cause as NodeJS.ErrnoException).code ?? "unknown error"}); correct ENS_FCM_SERVICE_ACCOUNT_FILE or the file's rights`
      })
  })
  // The decoder's message would quote the file, key and all.
  const account = yield* decode(text).pipe(Effect.catchAll(() => problem(NONE(file))))
  const key = yield* Effect.try(() => createPrivateKey(account.private_key)).pipe(
    Effect.catchAll(() => problem(NONE(file)))
  )
  const tokenUrl = URL.parse(account.token_uri)
  if (key.asymmetricKeyType !== "rsa" || tokenUrl === null) return yield* problem(NONE(file))
  if (tokenUrl.protocol !== "https:" && !(tokenUrl.protocol === "http:" && isLoopback(tokenUrl)))
    return yield* problem(`the token_uri of ${file} must be https; use the file as Google gave it out`)
  return {
    projectId: account.project_id,
    email: account.client_email,
    keyId: account.private_key_id,
    key,
    tokenUrl
  }
})

const ServiceAccountFile = Schema.Struct({
  type: Schema.Literal("service_account"),
  project_id: Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9.:-]+$/)),
  client_email: Schema.NonEmptyString,
  private_key: Schema.NonEmptyString,
  private_key_id: Schema.optional(Schema.String),
  token_uri: Schema.optionalWith(Schema.String, { default: () => "https://oauth2.googleapis.com/token" })
})
const decode = Schema.decode(Schema.parseJson(ServiceAccountFile))

const NONE = (file: string) =>
  `${file} is no service account's key; ENS_FCM_SERVICE_ACCOUNT_FILE must be the JSON file that the Firebase console gives out (project settings, service accounts, generate new private key)`

const problem = (text: string) => Effect.fail(new PushSetupError({ gateway: "fcm", problem: text }))
