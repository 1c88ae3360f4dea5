import { Effect, Layer, ManagedRuntime, Redacted } from "effect"
import type { EwsAccount } from "../../layers/ews/Ews.ts"
import * as EwsClient from "../../layers/ews/EwsClient.ts"
import * as HttpSessionsLive from "../../layers/ews/HttpSessionsLive.ts"
import { callbackBudget } from "../../layers/ews/LogInBudget.ts"
import * as Throttle from "../../layers/ews/Throttle.ts"
import { withSession } from "../../layers/ews/WithSession.ts"
import type { Credentials } from "../../schemas/Credentials.ts"
import type { ActivityId, ItemId, UserNumber } from "../../schemas/Ids.ts"
import { Settings } from "../../schemas/Settings.ts"
import * as Config from "../../src/Config.ts"
import { ADDRESS, type EwsServerReady, PASSWORD, SHAPE, serveLoad, TOKEN } from "./EwsLoad.ts"
import { DOMAIN, PASSWORD as MAIL_PASSWORD } from "./MailWorld.ts"

/** ENS's client as `ens start` has it: a session, a log-in and a decoded mail for each call. The argument is the log-in. */
const logIn = process.argv[2]
const authType = logIn === "OAuth" || logIn === "Certificate" ? logIn : "Basic"

const credentialsAt = ({ certificate }: EwsServerReady): Credentials => {
  if (logIn === "OAuth") return { address: ADDRESS, accessToken: TOKEN }
  if (certificate !== undefined) return { address: ADDRESS, certificate, certificatePassword: MAIL_PASSWORD }
  return logIn === "NTLM"
    ? { address: ADDRESS, username: "ada", domain: DOMAIN, password: MAIL_PASSWORD }
    : { address: ADDRESS, password: PASSWORD }
}

serveLoad((server) => {
  const { ca, item, url } = server
  const secret = Redacted.make(credentialsAt(server))
  const client = EwsClient.layer.pipe(
    Layer.provide(Throttle.layer),
    Layer.provide(HttpSessionsLive.layerWith({ ca })),
    Layer.provide(Layer.effect(Settings, Config.load()))
  )
  const runtime = ManagedRuntime.make(client)
  const endpoint = { url, listed: true, pins: [], seg: false }
  let user = 0
  const account = (): EwsAccount => ({
    user: String(1 + (user++ % 10_000)) as UserNumber,
    endpoint,
    allow: () => Effect.succeed(endpoint),
    exchangeVersion: "Exchange2013",
    authType,
    credentials: secret,
    budget: callbackBudget(),
    activityId: "0a0a0a0a-1111-4222-8333-444444444444" as ActivityId,
    devices: []
  })
  const call = Effect.suspend(() =>
    withSession(account(), (exchange) => exchange.mails([item as ItemId], SHAPE, 10_000))
  ).pipe(Effect.flatMap((mails) => (mails.length === 1 ? Effect.void : Effect.dieMessage("no mail"))))
  return (end) =>
    runtime.runPromise(
      Effect.gen(function* () {
        let calls = 0
        for (; performance.now() < end; calls += 1) yield* call
        return calls
      })
    )
})
