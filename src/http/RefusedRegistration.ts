import { Effect, Option } from "effect"
import { History } from "../../actors/History.ts"
import { ENCODING, PayloadUnreadable } from "../../layers/crypto/RsaKeys.ts"
import { EwsUrlNotAllowed } from "../../layers/ews/EndpointPolicy.ts"
import { Storage, type Tenant } from "../../layers/storage/Storage.ts"
import type { UserId } from "../../schemas/Ids.ts"
import type { Answer } from "./Envelope.ts"

/** A device is not kept waiting longer for it. */
const NOTED_WITHIN = "1 second"

/**
 * Notes in the user's history that a registration was refused before it came to a job, which notes everything else. `why`:
 * for administrators; devices are told less. Of a user whom the tenant does not have there is no history. Never fails.
 */
export const noteRefused = (
  { tenant }: Tenant,
  userId: UserId,
  code: Answer["code"],
  why: string
): Effect.Effect<void, never, Storage> =>
  Effect.gen(function* () {
    const found = yield* (yield* Storage).findUser(tenant, userId)
    const { note } = yield* History
    if (Option.isSome(found)) note(found.value.user, "registration", `${code}: ${why}`)
  }).pipe(Effect.timeoutOption(NOTED_WITHIN), Effect.ignore)

/** What an administrator is told of a refusal: the fault's name (schemas/Fault.ts) where it has one. */
export const reasonOf = (refusal: { readonly message: string }): string => {
  if (refusal instanceof PayloadUnreadable) return PAYLOAD[refusal.failing ?? ""] ?? refusal.message
  if (refusal instanceof EwsUrlNotAllowed) return `ews-url-not-allowed at ${refusal.host}`
  // How long to wait is another at each try.
  return refusal.message.split("; try again")[0]!
}

const UNUSABLE = "the payload cannot be decrypted with the user's key, or its content is unusable"

const PAYLOAD: Readonly<Record<string, string>> = {
  [ENCODING]: UNUSABLE,
  "key or content": UNUSABLE,
  emailAddress: "the address in the payload is not this user's",
  ewsUrl: "the EWS URL in the payload is not that of the request",
  deviceToken: "the push token in the payload is not that of the request",
  issuedAt: "clock-skew: the payload is over 10 min old, or the clock of phone or server is wrong",
  accessTokenExpiresAt: "accessTokenExpiresAt in the payload is no time"
}
