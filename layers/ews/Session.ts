import { Cause, Clock, Context, Effect, Either, Exit, Redacted } from "effect"
import { EwsBusy, type EwsError, EwsRefused, EwsUnauthorized, EwsUnusable } from "../../schemas/EwsError.ts"
import type { PasswordAuth } from "../../schemas/Settings.ts"
import {
  type ClientCertificateError,
  type ClientIdentity,
  openClientIdentity
} from "../net/ClientIdentity.ts"
import { isLogged } from "./AnswerLog.ts"
import { basicHeader, bearerHeader } from "./Authentication.ts"
import { type CallWatch, CallWatching, type Outcome, type WatchedCall } from "./CallWatch.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import type { CallSite } from "./EwsErrors.ts"
import type { NoPlace } from "./HostConnections.ts"
import type { HttpFailure } from "./HttpPost.ts"
import type { Caller, HttpRequest, HttpSession } from "./HttpSessions.ts"
import { chooseLogIn, isIgnored, type Means, meansOf, type Scheme } from "./LogIn.ts"
import { type NtlmOutcome, ntlmHandshake } from "./NtlmHandshake.ts"
import type { Offers } from "./Offers.ts"
import { errorOf, lateness } from "./SessionTrouble.ts"
import { type Call, monotonic, SessionWire, type WireSurroundings } from "./SessionWire.ts"
import { type HttpAnswer, offeredSchemes } from "./SoapAnswer.ts"
import { targetOf } from "./Target.ts"
import { Turns } from "./Turns.ts"

/** What all sessions share. */
export interface Surroundings extends WireSurroundings {
  readonly offers: Offers
  readonly passwordAuth: (hostname: string) => PasswordAuth
  /** Whether NTLM is bound to the TLS channel at this host. */
  readonly bindsChannel: (hostname: string) => boolean
  /** Longest silence of a host, in milliseconds. */
  readonly silence: number
  /** Whether a call of this operation may go out now. */
  readonly maySend: (operation: string) => boolean
}

/** What a call knows of the offer while it looks for the way to log in. */
interface Round {
  readonly means: Means
  readonly identity: ClientIdentity | undefined
  /** What the server has told this very call; undefined = what is remembered counts. */
  readonly offered: ReadonlyArray<string> | undefined
  /** A server that offers something else than was believed is believed once a call. */
  readonly credulous: boolean
}

type Answering = Effect.Effect<HttpAnswer, EwsError | HttpFailure | NoPlace>

/**
 * One user's HTTP, one request after another: chooses how to log in and judges what comes of it. Who makes it must close
 * it.
 */
export class Session implements HttpSession {
  readonly #caller: Caller
  readonly #watches: ReadonlyArray<CallWatch>
  readonly #shared: Surroundings
  readonly #wire: SessionWire
  #identity: ClientIdentity | undefined
  readonly #turn = new Turns(1)

  constructor(caller: Caller, watches: ReadonlyArray<CallWatch>, shared: Surroundings) {
    this.#caller = caller
    this.#watches = watches
    this.#shared = shared
    this.#wire = new SessionWire(caller, shared)
  }

  readonly send: HttpSession["send"] = (endpoint, request, timeout) =>
    this.#run(endpoint, request, timeout, false, this.#sendAsCaller)

  readonly sendAnonymously: HttpSession["sendAnonymously"] = (endpoint, request, timeout) =>
    this.#run(endpoint, request, timeout, true, (call) => this.#wire.sendAsStranger(call))

  readonly close = (): void => {
    this.#identity = undefined
    this.#wire.close(!this.#turn.unused)
  }

  readonly #sendAsCaller = (call: Call): Answering => {
    if (!this.#shared.maySend(call.site.operation)) {
      return Effect.fail(new EwsBusy({ ...call.site, responseCode: NOT_OURS, retryAfter: 0 }))
    }
    if (!this.#caller.budget.allows) {
      return Effect.fail(new EwsUnauthorized({ ...call.site, offered: [], spent: true }))
    }
    const means = meansOf(this.#caller.authType, Redacted.value(this.#caller.credentials))
    if (Either.isLeft(means)) return refuse(call.site, means.left)
    const shown = means.right.certificate && call.target.secure
    const identity = shown ? this.#openIdentity() : Either.right(undefined)
    if (Either.isLeft(identity)) return refuse(call.site, identity.left.message)
    return this.#logIn(call, {
      means: means.right,
      identity: identity.right,
      offered: undefined,
      credulous: true
    })
  }

  #run(
    endpoint: AllowedEndpoint,
    request: HttpRequest,
    timeout: number,
    anonymous: boolean,
    body: (call: Call) => Answering
  ): Effect.Effect<HttpAnswer, EwsError> {
    return Effect.withFiberRuntime((fiber) => {
      const target = targetOf(endpoint)
      const { operation } = request
      const site = { operation, host: target?.host ?? "" }
      if (target === undefined) return refuse(site, "endpoint not allowed")
      const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
      const now = monotonic(clock)
      const call: Call = {
        target,
        site,
        request,
        progress: { stage: "waiting", handshake: "none" },
        clock,
        timeout,
        deadline: now + timeout,
        isLogged: isLogged(fiber)
      }
      // The place comes first: credentials are not opened while a call only waits.
      const answering = Effect.suspend(() => {
        const entering = this.#wire.enter(call)
        return entering === undefined ? body(call) : Effect.flatMap(entering, () => body(call))
      })
      const asked: WatchedCall = { caller: this.#caller, endpoint, url: target, operation, anonymous }
      return this.#inTurn(call, asked, now, answering)
    })
  }

  /** Runs it when the calls before it are done. Watches, turn and errors share one region, because regions are dear. */
  #inTurn(
    call: Call,
    asked: WatchedCall,
    now: number,
    answering: Answering
  ): Effect.Effect<HttpAnswer, EwsError> {
    return Effect.uninterruptibleMask((interruptibly) => {
      const watching = new CallWatching(this.#watches, asked, now)
      const settled = (outcome: Outcome) => watching.settled(outcome, monotonic(call.clock))
      if (watching.refusal !== undefined) return settled(Exit.fail(watching.refusal))
      const answered = Effect.matchCauseEffect(interruptibly(answering), {
        onFailure: (cause) => {
          this.#wire.abandon()
          this.#turn.giveBack()
          const failed = Cause.map(cause, (trouble) => errorOf(call, trouble, this.#shared.silence))
          return settled(Exit.failCause(failed))
        },
        onSuccess: (answer) => {
          this.#turn.giveBack()
          return settled(Exit.succeed(answer))
        }
      })
      if (this.#turn.take()) return answered
      return Effect.matchCauseEffect(this.#turn.wait(call.timeout), {
        onFailure: (cause) => settled(Exit.failCause(cause)),
        onSuccess: (served) => (served ? answered : settled(Exit.fail(lateness(call))))
      })
    })
  }

  /** Once a session, because it takes up to 40 ms. */
  #openIdentity(): Either.Either<ClientIdentity, ClientCertificateError> {
    if (this.#identity !== undefined) return Either.right(this.#identity)
    const { certificate = "", certificatePassword = "" } = Redacted.value(this.#caller.credentials)
    const opened = openClientIdentity(Redacted.make(certificate), Redacted.make(certificatePassword))
    if (Either.isRight(opened)) this.#identity = opened.right
    return opened
  }

  #logIn(call: Call, round: Round): Answering {
    const { endpoint, hostname, place, secure } = call.target
    const remembered = round.offered ?? this.#shared.offers.of(place, call.clock.unsafeCurrentTimeMillis())
    const choice = chooseLogIn({
      means: round.means,
      setting: this.#shared.passwordAuth(hostname),
      secure,
      seg: endpoint.seg,
      offered: remembered
    })
    switch (choice._tag) {
      case "Refuse":
        // Nobody is refused because of what the server has said to somebody else.
        return remembered === round.offered ? refuse(call.site, choice.reason) : this.#ask(call, round)
      case "Ask":
        return this.#ask(call, round)
      case "Use":
        return this.#use(call, choice.scheme, round)
    }
  }

  /** Learns what the server offers from a request without body and password. */
  #ask(call: Call, round: Round): Answering {
    return this.#wire.send(call, round.identity, { whole: false }, (answer) => {
      if (answer.status === 401) {
        const offered = offeredSchemes(answer)
        this.#shared.offers.learn(call.target.place, offered, call.clock.unsafeCurrentTimeMillis())
        return this.#logIn(call, { ...round, offered })
      }
      // The certificate was enough.
      if (answer.status < 300 && round.identity !== undefined) return this.#use(call, "TLS", round)
      return unasked(call, answer)
    })
  }

  #use(call: Call, scheme: Scheme, round: Round): Answering {
    const credentials = Redacted.value(this.#caller.credentials)
    switch (scheme) {
      case "Basic":
      case "Bearer": {
        const header = scheme === "Basic" ? basicHeader(credentials) : bearerHeader(credentials)
        if (Either.isLeft(header)) return refuse(call.site, header.left)
        const leg = { whole: true, authorization: header.right }
        return this.#wire.send(call, round.identity, leg, (answer) =>
          this.#judge(call, scheme, round, answer)
        )
      }
      case "TLS":
        return this.#wire.send(call, round.identity, { whole: true }, (answer) =>
          this.#judge(call, scheme, round, answer)
        )
      case "NTLM":
      case "Negotiate":
        return this.#ntlm(call, scheme, round)
    }
  }

  #ntlm(call: Call, scheme: "NTLM" | "Negotiate", round: Round): Answering {
    const { hostname } = call.target
    const connection = this.#wire.connectionTo(call.target, round.identity)
    const handshake = ntlmHandshake({
      scheme,
      connection,
      credentials: Redacted.value(this.#caller.credentials),
      bound: this.#shared.bindsChannel(hostname),
      hostname,
      send: (leg) => this.#wire.send(call, round.identity, leg, Effect.succeed)
    })
    // The server may drop the connection at any time, and what it knew of it.
    const logIn = handshake.pipe(
      Effect.catchIf(isMoved, () => handshake),
      Effect.flatMap((outcome) => this.#judgeNtlm(call, scheme, round, outcome))
    )
    if (!connection.isLoggedIn || connection.socket === undefined) return logIn
    const leg = { whole: true, socket: connection.socket }
    return this.#wire
      .send(call, round.identity, leg, (answer) => (answer.status === 401 ? logIn : Effect.succeed(answer)))
      .pipe(Effect.catchIf(isMoved, () => logIn))
  }

  #judgeNtlm(call: Call, scheme: "NTLM" | "Negotiate", round: Round, outcome: NtlmOutcome): Answering {
    switch (outcome._tag) {
      case "Sent":
        return this.#judge(call, scheme, round, outcome.answer)
      case "Unusable":
        return refuse(call.site, outcome.reason)
      case "NoChallenge":
        if (outcome.answer.status !== 401) return unasked(call, outcome.answer)
        return (
          this.#chooseAnew(call, scheme, round, outcome.answer) ?? refuse(call.site, NO_CHALLENGE[scheme])
        )
    }
  }

  /** What an answer to credentials means. A 401 costs a log-in, unless the server does not take this scheme any more. */
  #judge(call: Call, scheme: Scheme, round: Round, answer: HttpAnswer): Answering {
    if (answer.status !== 401) return Effect.succeed(answer)
    const { hostname } = call.target
    const chosenByOffer = round.means.by === "password" && this.#shared.passwordAuth(hostname) === "auto"
    const anew = chosenByOffer ? this.#chooseAnew(call, scheme, round, answer) : undefined
    if (anew !== undefined) return anew
    this.#caller.budget.spend()
    return Effect.fail(new EwsUnauthorized({ ...call.site, offered: offeredSchemes(answer), scheme }))
  }

  /** Another try, by what the answer offers; undefined if that is the scheme which was used, or this is the second. */
  #chooseAnew(call: Call, scheme: Scheme, round: Round, answer: HttpAnswer): Answering | undefined {
    const offered = offeredSchemes(answer)
    if (!round.credulous || !isIgnored(scheme, offered)) return undefined
    this.#shared.offers.forget(call.target.place)
    return this.#logIn(call, { ...round, offered, credulous: false })
  }
}

const isMoved = (error: EwsError | HttpFailure | NoPlace): error is HttpFailure =>
  error._tag === "HttpFailure" && error.kind === "moved"

const NOT_OURS = "this node is not the active one"

const refuse = (site: CallSite, responseCode: string): Effect.Effect<never, EwsRefused> =>
  Effect.fail(new EwsRefused({ ...site, responseCode, status: 0 }))

/**
 * An answer to a request that only was to be told how to log in. Trouble is trouble, but whoever is welcome without a
 * log-in proves nothing by it, and most often it is a page that asks for one.
 */
const unasked = ({ request, site }: Call, answer: HttpAnswer): Effect.Effect<HttpAnswer, EwsUnusable> =>
  answer.status < 300 && request.method === "POST"
    ? Effect.fail(new EwsUnusable({ ...site, status: answer.status, reason: "it asks for no log-in" }))
    : Effect.succeed(answer)

const NO_CHALLENGE = {
  NTLM: "it offers NTLM, but answers without a challenge; check what stands in front of it",
  Negotiate: "it refuses NTLM inside of Negotiate; enable NTLM or Basic there"
} as const
