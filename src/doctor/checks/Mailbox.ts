import { Clock, Effect } from "effect"
import { Autodiscover } from "../../../layers/ews/Autodiscover.ts"
import { type SearchStep, SearchWitness } from "../../../layers/ews/AutodiscoverTask.ts"
import { type AllowedEndpoint, EndpointPolicy } from "../../../layers/ews/EndpointPolicy.ts"
import type { Caller } from "../../../layers/ews/HttpSessions.ts"
import { withSession } from "../../../layers/ews/WithSession.ts"
import type { Tenant } from "../../../layers/storage/Storage.ts"
import type { ExchangeVersion } from "../../../schemas/EwsMessage.ts"
import type { Check } from "../Check.ts"
import { ewsFinding, examineHost } from "../EwsHost.ts"
import { callerOf, withExchange } from "../Exchange.ts"
import { failed, faulty, ok, skipped, type Tell } from "../Finding.ts"
import { Patient } from "../Patient.ts"
import type { MailboxQuestion } from "../Questions.ts"
import { tenantAsked } from "../Tenant.ts"

/**
 * One mailbox, the way a registration goes: where its log-in may go, what Autodiscover says, and whether EWS lets it in. At
 * most one log-in is refused in all of it.
 */
export const mailbox: Check = {
  name: "mailbox",
  within: 120,
  network: true,
  run: (tell) =>
    Effect.gen(function* () {
      const { questions } = yield* Patient
      if (questions.mailbox === undefined) return
      const policy = yield* EndpointPolicy
      const tenant = yield* tenantAsked
      if (tenant === undefined) {
        return tell(failed("mailbox", `there is no tenant ${questions.tenant}`, "see: ens token list"))
      }
      const caller = callerOf(questions.mailbox, tenant, policy)
      const found = yield* locate(tell, questions.mailbox, tenant, caller)
      if (found === undefined) return
      const { endpoint, version } = found
      tell(
        ok(
          "EWS URL",
          `${endpoint.url}${endpoint.listed ? " (listed)" : ""}${endpoint.seg ? ", a Secure Email Gateway" : ""}`
        )
      )
      if (!(yield* examineHost(tell, endpoint, caller))) return
      if (!questions.mailbox.hasLogIn) {
        return tell(
          skipped(
            "EWS log-in",
            "no log-in was given; see --password-file, --token-file, --client-certificate"
          )
        )
      }
      if (!caller.budget.allows) {
        return tell(skipped("EWS log-in", "Autodiscover refused it; a second try might lock the account"))
      }
      yield* logIn(tell, { ...caller, endpoint, exchangeVersion: version ?? "Exchange2013" })
    }).pipe(withExchange)
}

interface Located {
  readonly endpoint: AllowedEndpoint
  readonly version: ExchangeVersion | undefined
}

/** Where EWS is for the mailbox: what is listed, else what Autodiscover finds. */
const locate = Effect.fnUntraced(function* (
  tell: Tell,
  { ewsUrl, hasLogIn }: MailboxQuestion,
  tenant: Tenant,
  caller: Caller
): Effect.fn.Return<Located | undefined, never, EndpointPolicy | Autodiscover> {
  const policy = yield* EndpointPolicy
  const choice = yield* Effect.either(policy.choose(tenant, ewsUrl))
  if (choice._tag === "Left") {
    tell(faulty("EWS URL", "ews-url-not-allowed", `${ewsUrl} is not in the list of tenant ${tenant.name}`))
    return undefined
  }
  if (choice.right._tag === "Endpoint") {
    tell(skipped("Autodiscover", "it is not asked, because the EWS URL is given by a list"))
    return { endpoint: choice.right.endpoint, version: undefined }
  }
  const found = yield* search(tell, tenant, caller, hasLogIn)
  const { wanted } = choice.right
  if (found !== undefined && wanted !== undefined) {
    const [named, confirmed] = [new URL(wanted).host, new URL(found.endpoint.url).host]
    if (named !== confirmed) {
      const says = `Autodiscover names ${confirmed}, and nothing else confirms ${named}`
      tell(faulty("EWS URL", "ews-url-not-allowed", says))
      return undefined
    }
  }
  return found
})

const search = Effect.fnUntraced(function* (tell: Tell, tenant: Tenant, caller: Caller, hasLogIn: boolean) {
  const steps: Array<SearchStep> = []
  const autodiscover = yield* Autodiscover
  const saw = (step: SearchStep) =>
    Effect.sync(() => {
      steps.push(step)
      const asked = `Autodiscover ${step.how} ${step.host}`
      const wants = !hasLogIn && step.outcome.includes("no password given")
      // That one of many places has no Autodiscover is usual; only the end tells.
      if (step.outcome.startsWith("names ") && !step.outcome.startsWith("names no"))
        tell(ok(asked, step.outcome))
      else tell(skipped(asked, wants ? "asks for a log-in, and none was given" : step.outcome))
    })
  const found = yield* Effect.either(
    Effect.provideService(autodiscover.find(tenant, caller, SEARCH), SearchWitness, saw)
  )
  if (found._tag === "Right") return found.right
  const error = found.left
  if (error._tag !== "EwsUrlUnknown") tell(ewsFinding("Autodiscover", error))
  else if (!hasLogIn && steps.some(({ outcome }) => outcome.includes("no password given"))) {
    tell(skipped("Autodiscover", "it is there, and tells nothing without a log-in; see --password-file"))
  } else tell(faulty("Autodiscover", "autodiscover-missing", outcomeOf(steps, error.answered)))
  // Of a place that is there, but cannot be trusted, the end alone would say too little.
  if (error._tag === "EwsUrlUnknown") {
    for (const { host, outcome } of steps.filter(isNotTrusted)) {
      tell(faulty(`Autodiscover ${host}`, "certificate-not-trusted", outcome))
    }
  }
  return undefined
})

const isNotTrusted = ({ outcome }: SearchStep) => /its (?:certificate|authority) is/.test(outcome)

const outcomeOf = (steps: ReadonlyArray<SearchStep>, answered: boolean) =>
  steps.length === 0
    ? "the address has no domain to ask"
    : answered
      ? "it answers, but names no EWS URL that may be used (see the lines before)"
      : `none of ${steps.length} places has it (see the lines before)`

/** Milliseconds for all of Autodiscover. */
const SEARCH = 60_000

const logIn = Effect.fnUntraced(function* (
  tell: Tell,
  account: Caller & { readonly endpoint: AllowedEndpoint; readonly exchangeVersion: ExchangeVersion }
) {
  const start = yield* Clock.currentTimeMillis
  const asked = yield* Effect.either(withSession(account, (session) => session.inbox(LOG_IN)))
  const took = (yield* Clock.currentTimeMillis) - start
  if (asked._tag === "Left") return tell(ewsFinding("EWS log-in", asked.left))
  const { serverVersion, unreadCount } = asked.right
  tell(
    ok(
      "EWS log-in",
      `the Inbox opens, ${unreadCount} unread, server ${serverVersion ?? "of unknown version"}, ${took} ms`
    )
  )
})

/** Milliseconds. */
const LOG_IN = 20_000
