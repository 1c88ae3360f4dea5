import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Effect, Fiber, Option, Schema } from "effect"
import { whereabouts } from "../../../actors/Whereabouts.ts"
import { Problem, Session as SessionView, SignIn } from "../../../schemas/ConsoleApi.ts"
import type { StorageError } from "../../../schemas/StorageError.ts"
import type { ConsoleEndpoint } from "./ConsoleEndpoint.ts"
import { type ConsoleProblem, problem } from "./ConsoleProblem.ts"
import { ConsoleSessions } from "./ConsoleSessions.ts"
import { dropCookie, idsIn, setCookie } from "./Cookie.ts"
import { API_HEADERS } from "./Headers.ts"
import { readBody } from "./JsonBody.ts"
import { isForeignPage, isHttps, isOwnPage } from "./OwnPage.ts"
import { isProof, type Session } from "./SessionBook.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

/** Answers a request under `/console/api/`; `path`: what follows that. Never fails, and shows nothing of a bug. */
export const answerApi = <R>(
  endpoints: ReadonlyArray<ConsoleEndpoint<R>>,
  request: Request,
  path: string
): Effect.Effect<Response, never, R | ConsoleSessions> =>
  (path === "session" ? session(request) : served(endpoints, request, path)).pipe(
    Effect.catchTags({
      StorageError: (error) =>
        Effect.as(
          Effect.logWarning(error.message),
          refusal(problem(503, `storage is not available: ${error.message}`, 10))
        ),
      ConsoleProblem: (error) => Effect.succeed(refusal(error))
    }),
    // What a bug says of itself may quote what nobody should read.
    Effect.catchAllCause((cause) =>
      Effect.as(
        Effect.logError("a request of the console failed", { where: whereabouts(Cause.squash(cause)) }),
        refusal(problem(500, "ENS could not do this; its log tells where it failed"))
      )
    ),
    Effect.annotateLogs({ logger: "Console" })
  )

/** As JSON, with the headers that all answers of the API have. */
export const refusal = ({ problem: text, retryAfter, status }: ConsoleProblem): Response =>
  json(Schema.encodeSync(Problem)({ problem: text }), status, {
    ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) })
  })

const served = Effect.fnUntraced(function* <R>(
  endpoints: ReadonlyArray<ConsoleEndpoint<R>>,
  request: Request,
  path: string
) {
  yield* notForeign(request)
  const matching = endpoints.filter((one) => one.path.test(path))
  const found = matching.find(({ method }) => method === request.method)
  const session = yield* sessionOf(request, request.method === "GET" ? path : undefined)
  if (found === undefined) {
    return yield* matching.length > 0
      ? problem(405, `${request.method} makes no sense here`)
      : problem(404, "there is nothing here")
  }
  if (found.method !== "GET") yield* proven(request, session)
  const body = found.body === undefined ? undefined : yield* readBody(request, found.body)
  const doing = found.handle({ session, body, id: found.path.exec(path)?.[1] ?? "" })
  const answer = yield* found.method === "GET" ? doing : toTheEnd(doing)
  return found.answer === undefined
    ? HttpServerResponse.empty({ status: 204, headers: API_HEADERS })
    : json(yield* Effect.orDie(Schema.encode(found.answer)(answer)), 200)
})

/** Sign-in, who is signed in, sign-out. */
const session = (request: Request): Effect.Effect<Response, ConsoleProblem | StorageError, ConsoleSessions> =>
  Effect.gen(function* () {
    yield* notForeign(request)
    switch (request.method) {
      case "GET":
        return view(yield* sessionOf(request))
      case "POST":
        return yield* signIn(request)
      case "DELETE": {
        yield* proven(request, yield* sessionOf(request))
        yield* toTheEnd(Effect.flatMap(ConsoleSessions, ({ signOut }) => signOut(idsOf(request))))
        return HttpServerResponse.empty({
          status: 204,
          headers: { ...API_HEADERS, "set-cookie": dropCookie(isHttps(request.headers)) }
        })
      }
      default:
        return yield* problem(405, `${request.method} makes no sense here`)
    }
  })

const signIn = Effect.fnUntraced(function* (request: Request) {
  if (!isOwnPage(request.headers)) return yield* NOT_OWN
  const { token } = yield* readBody(request, SignIn)
  const sessions = yield* ConsoleSessions
  const source = Option.getOrElse(request.remoteAddress, () => "unknown address")
  const { id, session } = yield* toTheEnd(sessions.signIn(token, source)).pipe(
    Effect.catchTags({
      SignInRefused: (error) => problem(401, error.message),
      SignInLimited: (error) => problem(429, error.message, Math.ceil(error.wait / 1000))
    })
  )
  // Whoever signs in anew does not leave the former session behind.
  yield* sessions.signOut(idsOf(request))
  return HttpServerResponse.setHeader(view(session), "set-cookie", setCookie(id, isHttps(request.headers)))
})

/** Also if whoever asked hangs up: what is done must be recorded, and not be done by half. */
const toTheEnd = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.forkDaemon(effect), Fiber.join)

const sessionOf = Effect.fnUntraced(function* (request: Request, reads?: string) {
  const session = yield* Effect.flatMap(ConsoleSessions, ({ find }) => find(idsOf(request), reads))
  return session ?? (yield* problem(401, "sign in with an admin token"))
})

const notForeign = ({ headers }: Request) => (isForeignPage(headers) ? Effect.fail(NOT_OWN) : Effect.void)

const proven = ({ headers }: Request, session: Session) =>
  isOwnPage(headers) && isProof(session, headers["x-ens-console"]) ? Effect.void : Effect.fail(NOT_OWN)

const idsOf = ({ headers }: Request) => idsIn(headers["cookie"])

const view = ({ expiresAt, proof, token }: Session): Response =>
  json(Schema.encodeSync(SessionView)({ label: token.label, proof, expiresAt }), 200)

const json = (body: unknown, status: number, headers: Readonly<Record<string, string>> = {}): Response =>
  HttpServerResponse.text(JSON.stringify(body), {
    status,
    contentType: "application/json",
    headers: { ...API_HEADERS, ...headers }
  })

const NOT_OWN = problem(403, "this did not come from the console's own page; reload it and try again")
