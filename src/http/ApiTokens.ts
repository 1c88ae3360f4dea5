import { Cache, Context, Duration, Effect, Exit, Layer, Option } from "effect"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import { Storage, type Tenant } from "../../layers/storage/Storage.ts"
import type { StorageError } from "../../schemas/StorageError.ts"

/** Which tenant an API token proves. */
export class ApiTokens extends Context.Tag("ens/ApiTokens")<
  ApiTokens,
  {
    /** None: the token is unknown or revoked. A revocation takes up to a minute to be noticed. */
    readonly tenantOf: (token: string) => Effect.Effect<Option.Option<Tenant>, StorageError>
  }
>() {}

/** Looks tokens up by their hash; answers are kept for a minute, those about unknown tokens only for moments. */
export const layer: Layer.Layer<ApiTokens, never, Storage> = Layer.effect(
  ApiTokens,
  Effect.gen(function* () {
    const storage = yield* Storage
    const cache = yield* Cache.makeWith({
      capacity: KEPT,
      // Keyed by the hash, so that no token stays in memory.
      lookup: (hash: string) => storage.tenantOfToken(Buffer.from(hash, "base64")),
      timeToLive: Exit.match({
        onFailure: () => Duration.zero,
        onSuccess: (tenant) => (Option.isSome(tenant) ? KNOWN_FOR : UNKNOWN_FOR)
      })
    })
    return {
      tenantOf: (token) => {
        const hash = hashApiToken(token).toString("base64")
        return Effect.tapError(cache.get(hash), () => cache.invalidate(hash))
      }
    }
  })
)

const KEPT = 10_000
const KNOWN_FOR = Duration.minutes(1)
/** Short: a token is often tried right before and after the administrator makes it. */
const UNKNOWN_FOR = Duration.seconds(5)
