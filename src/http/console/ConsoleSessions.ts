import { Clock, Context, Effect, Layer, Option, Schedule, Schema } from "effect"
import { now as timeNow } from "../../../actors/Now.ts"
import { hashApiToken } from "../../../layers/crypto/ApiTokenSecret.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { Audit } from "../../../layers/telemetry/Audit.ts"
import type { StorageError } from "../../../schemas/StorageError.ts"
import { hasEnded, type TokenEnd } from "../../../schemas/TokenEnd.ts"
import { makeTokenUses } from "../TokenUses.ts"
import { makeKnownTokens } from "./KnownTokens.ts"
import { type Session, SessionBook } from "./SessionBook.ts"
import { SignInLimits } from "./SignInLimits.ts"

/** No admin token, or one that is revoked or has ended. */
export class SignInRefused extends Schema.TaggedError<SignInRefused>()("SignInRefused", {}) {
  override get message() {
    return "this admin token is unknown, revoked or over; make one with: npm run -s ens -- token create --admin --label NAME"
  }
}

/** Too many sign-ins failed. */
export class SignInLimited extends Schema.TaggedError<SignInLimited>()("SignInLimited", {
  /** Milliseconds. */
  wait: Schema.Number
}) {
  override get message() {
    return `too many sign-ins failed; try again in ${Math.ceil(this.wait / 1000)} s`
  }
}

/** Who is signed in to the console. */
export class ConsoleSessions extends Context.Tag("ens/ConsoleSessions")<
  ConsoleSessions,
  {
    /** A new session for who shows an admin token; `source`: the address that asks. Success and failure are audited. */
    readonly signIn: (
      token: string,
      source: string
    ) => Effect.Effect<
      { readonly id: string; readonly session: Session },
      SignInRefused | SignInLimited | StorageError
    >
    /** The first of these ids that has a session. `reads`: see `SessionBook`. */
    readonly find: (ids: ReadonlyArray<string>, reads?: string) => Effect.Effect<Session | undefined>
    readonly signOut: (ids: ReadonlyArray<string>) => Effect.Effect<void>
    /** For whoever revokes a token. One that is revoked elsewhere is noticed within 10 seconds. */
    readonly endThoseOf: (tokenId: string) => Effect.Effect<void>
  }
>() {}

/** A revoked token's sessions end within so long. */
const CHECK_EVERY = "10 seconds"

export const layer: Layer.Layer<ConsoleSessions, never, Storage | Audit> = Layer.scoped(
  ConsoleSessions,
  Effect.gen(function* () {
    const storage = yield* Storage
    const audit = yield* Audit
    const book = new SessionBook()
    const limits = new SignInLimits()
    const isKnown = yield* makeKnownTokens(storage)
    const noteUse = yield* makeTokenUses(storage.noteAdminTokenUses)

    // While storage is away they stay, so that one can see that it is.
    const check = Effect.suspend(() =>
      book.size === 0
        ? Effect.void
        : Effect.zipWith(storage.listAdminTokens, lead, (tokens, lead) =>
            book.keepOnly(new Map(tokens.map((token) => [token.id, endOf(token, lead)])))
          ).pipe(Effect.ignore)
    )
    yield* check.pipe(Effect.repeat(Schedule.spaced(CHECK_EVERY)), Effect.forkScoped)

    const record = (label: string, action: string, target: string, outcome: "success" | "failure") =>
      audit.record({ actor: `console:${label}`, action, target, outcome })

    return {
      signIn: (token, source) =>
        Effect.gen(function* () {
          const now = yield* timeNow
          const at = yield* Clock.currentTimeMillis
          const hash = hashApiToken(token.trim())
          const wait = limits.wait(source, now)
          if (wait === 0) limits.tried(source)
          // Whoever fails on purpose must not keep administrators out, so a right token gets in all the same.
          else if (!(yield* isKnown(hash, at))) {
            if (limits.isFirstRefused(source))
              yield* record("unknown", "console.sign-in-limit", source, "failure")
            return yield* new SignInLimited({ wait })
          }
          const found = yield* storage
            .adminTokenOf(hash)
            .pipe(Effect.tapError(() => record("unknown", "console.sign-in", source, "failure")))
          if (Option.isNone(found) || hasEnded(found.value, at)) {
            yield* record("unknown", "console.sign-in", source, "failure")
            return yield* new SignInRefused()
          }
          if (wait === 0) limits.succeeded(source)
          yield* record(found.value.label, "console.sign-in", source, "success")
          noteUse(found.value.id, at)
          const id = book.begin({ ...found.value, expiresAt: endOf(found.value, now - at) }, now)
          return { id, session: book.find(id, now)! }
        }),
      find: (ids, reads) =>
        Effect.map(timeNow, (now) => {
          for (const id of ids) {
            const session = book.find(id, now, reads)
            if (session !== undefined) return session
          }
          return undefined
        }),
      signOut: (ids) =>
        Effect.gen(function* () {
          const now = yield* timeNow
          for (const id of ids) {
            const session = book.find(id, now)
            if (book.end(id) && session !== undefined) {
              yield* record(session.token.label, "console.sign-out", "", "success")
            }
          }
        }),
      endThoseOf: (tokenId) => Effect.sync(() => book.endThoseOf(tokenId))
    }
  })
)

/** Milliseconds by which the sessions' clock, which nobody sets, is ahead of the machine's, by which tokens end. */
const lead = Effect.zipWith(timeNow, Clock.currentTimeMillis, (now, at) => now - at)

/** On the sessions' clock. */
const endOf = ({ expiresAt }: TokenEnd, lead: number) => (expiresAt === null ? null : expiresAt + lead)
