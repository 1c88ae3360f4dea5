import { Clock, Context, Effect, Layer, Option, Redacted } from "effect"
import { FORMER_KEPT } from "../../actors/KeyAge.ts"
import { MasterKey, type SealBroken } from "../../layers/crypto/MasterKey.ts"
import { ENCODING, PayloadUnreadable, RsaKeys } from "../../layers/crypto/RsaKeys.ts"
import {
  type KeyOwner,
  keyContext,
  MAX_PAYLOAD_BLOCKS,
  openPayload
} from "../../layers/crypto/UserKeyring.ts"
import { type KeyedUser, Storage, type UserKeys } from "../../layers/storage/Storage.ts"
import type { AuthType } from "../../schemas/Credentials.ts"
import type { RegisterDeviceRequest } from "../../schemas/DeviceApi.ts"
import { TenantNumber, UserId } from "../../schemas/Ids.ts"
import type { StorageError } from "../../schemas/StorageError.ts"
import { decoyContent, readContent } from "./PayloadContent.ts"
import { type PayloadCheck, PayloadRefusals } from "./PayloadRefusals.ts"
import { makeTurns, type PayloadsCrowded } from "./PayloadTurns.ts"
import { type AuthTypeMismatch, mismatch, type OpenedPayload, useFor } from "./RegistrationPayload.ts"

/** Opens registration payloads. */
export class RegistrationPayloads extends Context.Tag("ens/RegistrationPayloads")<
  RegistrationPayloads,
  {
    /**
     * What the payload of a request of `tenant` proves and carries; `user` is whom storage has for it. Whatever is wrong is
     * `PayloadUnreadable` with one text and after one amount of work: as many private-key operations as the payload has
     * blocks (twice, if the user's key was replaced within a day, which `getpublickey` shows), also for users whom nobody
     * knows, and one reading of JSON. Only a payload that is no base64 of whole blocks is refused at once. Log (debug),
     * metric and the user's history say which check failed. `PayloadsCrowded`, and nothing of the payload looked at, while too
     * many of the tenant wait.
     */
    readonly open: (
      tenant: TenantNumber,
      user: Option.Option<KeyedUser>,
      request: RegisterDeviceRequest,
      authType: AuthType
    ) => Effect.Effect<
      OpenedPayload,
      PayloadUnreadable | PayloadsCrowded | AuthTypeMismatch | SealBroken | StorageError
    >
  }
>() {}

type Opener = KeyOwner & Pick<UserKeys, "registrationKey">

export const layer: Layer.Layer<RegistrationPayloads, never, Storage | MasterKey | RsaKeys> = Layer.effect(
  RegistrationPayloads,
  Effect.gen(function* () {
    const services = yield* Effect.context<Storage | MasterKey | RsaKeys>()
    const nobody = makeNobody(Context.get(services, MasterKey), Context.get(services, RsaKeys))
    const refusals = new PayloadRefusals()
    const turns = makeTurns()

    const open = Effect.fnUntraced(function* (
      tenant: TenantNumber,
      user: Option.Option<KeyedUser>,
      request: RegisterDeviceRequest,
      authType: AuthType
    ) {
      const refuse = (check: PayloadCheck) =>
        Effect.logDebug(`registration payload refused: ${check}`).pipe(
          Effect.zipRight(refusals.note(tenant, request.userId, check)),
          Effect.zipRight(Effect.fail(new PayloadUnreadable({ failing: check })))
        )
      const now = yield* Clock.currentTimeMillis
      const openers = Option.isSome(user) ? yield* openersOf(user.value, now) : [nobody]
      const texts = yield* turns(
        tenant,
        openers.length * blocksIn(request.payload),
        Effect.forEach(openers, (opener) => textOf(opener, request.payload))
      )
      if (texts.includes(ENCODING)) return yield* refuse(ENCODING)
      // All checks run whatever comes of them, on a decoy where there is nothing to check.
      const contents = texts.map((text) =>
        Redacted.isRedacted(text) ? readContent(Redacted.value(text)) : undefined
      )
      const content = contents.find((content) => content !== undefined)
      const shown = content ?? readContent(decoyContent(plainBytesOf(request.payload)))!
      const wrong = mismatch(shown, request, now)
      if (Option.isNone(user)) return yield* refuse("no user")
      if (content === undefined) return yield* refuse("key or content")
      if (wrong !== undefined) return yield* refuse(wrong)
      const opened = yield* useFor(authType, content, now)
      if (opened === undefined) return yield* refuse("accessTokenExpiresAt")
      return { user: user.value.user, ...opened }
    })

    return {
      open: (...parameters) => Effect.provide(open(...parameters), services)
    }
  })
)

/** The text, or what is wrong, because the other key has its turn all the same. */
const textOf = (opener: Opener, payload: string) =>
  Effect.catchTag(openPayload(opener, payload), "PayloadUnreadable", ({ failing }) => Effect.succeed(failing))

/** Whose key opens the payloads of users whom nobody knows. No user has this id: nothing has this hash. */
const makeNobody = (master: MasterKey["Type"], rsa: RsaKeys["Type"]): Opener => {
  const owner = { tenant: TenantNumber.make(1), userId: UserId.make("0".repeat(64)) }
  return { ...owner, registrationKey: master.wrap(rsa.decoy, keyContext("registration", owner)) }
}

/**
 * The user, and the user with the key before, because the phone may have asked for the public key just before it was replaced.
 * Not only if the present key opens nothing: that would show in the time.
 */
const openersOf = Effect.fnUntraced(function* (user: KeyedUser, now: number) {
  const { createdAt, registrationKeyMadeAt } = user
  const wasReplaced = registrationKeyMadeAt !== createdAt && now - registrationKeyMadeAt <= FORMER_KEPT
  if (!wasReplaced) return [user]
  const keys = yield* (yield* Storage).formerKeys(user.user)
  const former = keys.find(({ kind }) => kind === "registration")
  return former === undefined ? [user] : [user, { ...user, registrationKey: former.wrapped }]
})

/** About as many bytes as a payload of this length usually holds: of 256 bytes in base64, 11 are padding. */
const plainBytesOf = (payload: string): number => Math.floor((payload.length * 3 * 245) / (4 * 256))

/** Private-key operations that a payload of this length takes at most. */
const blocksIn = (payload: string): number =>
  Math.min(MAX_PAYLOAD_BLOCKS, Math.ceil((payload.length * 3) / (4 * 256)))
