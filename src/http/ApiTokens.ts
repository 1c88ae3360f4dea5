import { Clock, Context, Deferred, Duration, Effect, FiberId, Layer, Option, Schema } from "effect"
import { now } from "../../actors/Now.ts"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import { Storage, type Tenant, type TokenEntry } from "../../layers/storage/Storage.ts"
import { faultField } from "../../layers/telemetry/TroubleLog.ts"
import type { StorageError } from "../../schemas/StorageError.ts"
import { hasEnded } from "../../schemas/TokenEnd.ts"
import { TokenDirectory } from "./TokenDirectory.ts"
import { makeTokenUses } from "./TokenUses.ts"

/** The token is none of those in memory, and storage cannot say whether it has been made since. */
export class TokenUndecided extends Schema.TaggedError<TokenUndecided>()("TokenUndecided", {}) {
  override get message() {
    return "storage is not available, so the API token cannot be checked; try again"
  }
}

/** The token was one, until it was replaced by another one and its time was over. */
export class TokenEnded extends Schema.TaggedError<TokenEnded>()("TokenEnded", {
  id: Schema.String,
  /** Milliseconds since 1970. */
  at: Schema.Number
}) {
  override get message() {
    return `API token ${this.id} was valid until ${new Date(this.at).toISOString()}; give the phone the token that replaced it`
  }
}

/** Which tenant an API token proves. */
export class ApiTokens extends Context.Tag("ens/ApiTokens")<
  ApiTokens,
  {
    /**
     * None: the token is unknown or revoked. Known tokens are answered from memory, and stay valid while storage is away, until
     * they end. One that is not known has storage asked, together with all others that come within a second.
     */
    readonly tenantOf: (token: string) => Effect.Effect<Option.Option<Tenant>, TokenUndecided | TokenEnded>
    /** Whether memory has it and it has not ended; asks nobody. For when strangers ask for too much. */
    readonly knows: (token: string) => boolean
    /** Reads all tokens, at most a second later; once it is done, tokens that were revoked before are refused. */
    readonly refresh: Effect.Effect<void, StorageError>
  }
>() {}

/**
 * Keeps all tokens in memory. They are read every hour, as ENS2 does. Whether there is a change is asked every 20 seconds,
 * and when somebody shows a token that is not known, at most once a second. When one ends is told by the machine's clock, as
 * it is now: whoever sets an end goes by it, too, and a service that was started with a wrong one must not keep to that.
 */
export const layer: Layer.Layer<ApiTokens, never, Storage> = Layer.scoped(
  ApiTokens,
  Effect.gen(function* () {
    const storage = yield* Storage
    const scope = yield* Effect.scope
    const clock = yield* Effect.clock
    const one = yield* Effect.makeSemaphore(1)
    const noteUse = yield* makeTokenUses(storage.noteTokenUses)
    let held: Held | undefined
    let isAway = false
    let wantsAll = false
    let askedAt = Number.NEGATIVE_INFINITY
    let waiting = 0
    let coming: Deferred.Deferred<void, StorageError> | undefined

    const look = Effect.gen(function* () {
      const at = yield* now
      const all = wantsAll || held === undefined || at - held.readAt >= READ_EVERY
      wantsAll = false
      // Asked for first: what changes while the directory is read is noticed by the next look.
      const version = yield* storage.tokenVersion
      if (all || held?.version !== version) {
        held = { version, readAt: at, directory: new TokenDirectory(yield* storage.tokenDirectory) }
      }
      if (isAway) yield* Effect.logInfo("API tokens can be read again")
      isAway = false
    }).pipe(
      Effect.tapError((error) => {
        const first = !isAway
        isAway = true
        wantsAll = true
        return first
          ? Effect.annotateLogs(
              Effect.logWarning(`API tokens cannot be read; those known stay valid. ${error.message}`),
              faultField(error)
            )
          : Effect.void
      }),
      Effect.annotateLogs({ logger: "ApiTokens" })
    )

    /** A look that begins from now on, shared by all who ask before it does. */
    const lookSoon = Effect.suspend(() => {
      if (coming !== undefined) return Deferred.await(coming)
      const answer = Deferred.unsafeMake<void, StorageError>(FiberId.none)
      coming = answer
      return Effect.gen(function* () {
        const wait = askedAt + ASKED_EVERY - (yield* now)
        if (wait > 0) yield* Effect.sleep(wait)
        askedAt = yield* now
        coming = undefined
        yield* look
      }).pipe(
        one.withPermits(1),
        Effect.intoDeferred(answer),
        Effect.forkIn(scope),
        Effect.zipRight(Deferred.await(answer))
      )
    })

    yield* one
      .withPermits(1)(look)
      .pipe(
        Effect.ignore,
        Effect.zipRight(Effect.suspend(() => Effect.sleep(held === undefined ? UNREAD_AGAIN : LOOK_EVERY))),
        Effect.forever,
        Effect.forkScoped
      )

    const found = (hash: Uint8Array) => Option.fromNullable(held?.directory.find(hash))
    const asked = (hash: Uint8Array) => {
      if (waiting >= WAITING_MAX) {
        return isAway || held === undefined ? new TokenUndecided() : Effect.succeed(Option.none())
      }
      waiting++
      return lookSoon.pipe(
        Effect.map(() => found(hash)),
        Effect.mapError(() => new TokenUndecided()),
        Effect.ensuring(Effect.sync(() => waiting--))
      )
    }
    const proven = (entry: Option.Option<TokenEntry>, at: number) => {
      if (Option.isNone(entry)) return Effect.succeedNone
      const { expiresAt, id, tenant } = entry.value
      if (hasEnded({ expiresAt }, at)) return new TokenEnded({ id, at: expiresAt ?? at })
      noteUse(id, at)
      return Effect.succeedSome(tenant)
    }
    return {
      tenantOf: (token) =>
        Effect.suspend((): Effect.Effect<Option.Option<TokenEntry>, TokenUndecided> => {
          const hash = hashApiToken(token)
          const entry = found(hash)
          return Option.isSome(entry) ? Effect.succeed(entry) : asked(hash)
        }).pipe(Effect.zipWith(Clock.currentTimeMillis, proven), Effect.flatten),
      knows: (token) => {
        const entry = token === "" ? undefined : held?.directory.find(hashApiToken(token))
        return entry !== undefined && !hasEnded(entry, clock.unsafeCurrentTimeMillis())
      },
      refresh: Effect.suspend(() => {
        wantsAll = true
        return lookSoon
      })
    }
  })
)

/** The tokens as they were read. */
interface Held {
  readonly directory: TokenDirectory
  readonly version: string
  readonly readAt: number
}

const READ_EVERY = Duration.toMillis("1 hour")
const LOOK_EVERY = Duration.seconds(20)
/** After a start whose first reading failed. */
const UNREAD_AGAIN = Duration.seconds(2)
const ASKED_EVERY = 1_000
/** Requests that may wait for a look: rubbish beyond that is refused without one, and keeps nobody's place. */
const WAITING_MAX = 256
