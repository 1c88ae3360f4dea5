import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeExchange } from "../../../src/sandbox/Exchange.ts"
import { texts } from "./support/CallbackListener.ts"
import { connectTo } from "./support/Connection.ts"
import { ALICE, basic, PASSWORD } from "./support/SoapClient.ts"
import { pathsOf } from "./support/XmlShape.ts"

const BOB = "bob@corp.example"

const poxRequest = (address: string): string =>
  `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>${address}</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`

const soapRequest = (address: string, ...settings: ReadonlyArray<string>): string =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="http://schemas.microsoft.com/exchange/2010/Autodiscover"><s:Header><a:RequestedServerVersion>Exchange2013</a:RequestedServerVersion></s:Header><s:Body><a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User><a:Mailbox>${address}</a:Mailbox></a:User></a:Users><a:RequestedSettings>${settings.map((name) => `<a:Setting>${name}</a:Setting>`).join("")}</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>`

const autodiscover = Effect.gen(function* () {
  const exchange = yield* makeExchange({
    otherPort: 0,
    serverVersion: "2013_SP1",
    mailboxes: [
      { address: ALICE, password: PASSWORD },
      { address: BOB, password: "bobs" }
    ]
  })
  const base = exchange.autodiscoverUrl.replace(/\.xml$/, "")
  const ask = (ending: string, body: string, authorization = basic(ALICE, PASSWORD), method?: "GET") =>
    Effect.gen(function* () {
      const connection = yield* connectTo(`${base}.${ending}`)
      return yield* connection.post(body, authorization === "" ? {} : { authorization }, method)
    }).pipe(Effect.scoped)
  return {
    exchange,
    ask,
    pox: (address = ALICE) => ask("xml", poxRequest(address)),
    soap: (address = ALICE, ...settings: ReadonlyArray<string>) =>
      ask("svc", soapRequest(address, ...settings)),
    json: (path: string) => ask(`json${path}`, "", "", "GET")
  }
})

describe("Autodiscover", () => {
  it.scopedLive("gives the EWS URL and the version in all three protocols", () =>
    Effect.gen(function* () {
      const { exchange, json, pox, soap } = yield* autodiscover
      const plain = yield* pox()
      expect(texts(plain.text, "Action")).toEqual(["settings"])
      expect(texts(plain.text, "EwsUrl")).toEqual([exchange.url, exchange.url])
      // 15.0.847, packed as the protocol wants it.
      expect(texts(plain.text, "ServerVersion")).toEqual(["73C0834F"])
      const soaped = yield* soap(ALICE, "ExternalEwsUrl", "EwsSupportedSchemas", "PublicFolderServer")
      expect(texts(soaped.text, "Value")).toEqual([
        exchange.url,
        "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, Exchange2013, Exchange2013_SP1"
      ])
      expect(texts(soaped.text, "SettingName")).toEqual(["PublicFolderServer"])
      for (const path of [`/v1.0/${ALICE}?Protocol=EWS`, `?Email=${ALICE}&protocol=ews`])
        expect(JSON.parse((yield* json(path)).text)).toMatchObject({ Url: exchange.url })
      expect(JSON.parse((yield* json(`/v1.0/${ALICE}?Protocol=Autodiscoverv1`)).text)).toEqual({
        Protocol: "Autodiscoverv1",
        Url: exchange.autodiscoverUrl
      })
    })
  )

  it.scopedLive("follows a mailbox that has moved", () =>
    Effect.gen(function* () {
      const { exchange, pox } = yield* autodiscover
      const move = { seconds: 0, afterwards: "redirect", status: 302, subscriptions: "error" } as const
      yield* exchange.moveMailbox(ALICE, move)
      expect(texts((yield* pox()).text, "EwsUrl")[0]).toBe(exchange.otherUrl)
      expect(texts((yield* pox(BOB)).text, "EwsUrl")[0]).toBe(exchange.url)
    })
  )

  it.scopedLive("asks for a log-in, but not in version 2", () =>
    Effect.gen(function* () {
      const { ask, exchange } = yield* autodiscover
      for (const ending of ["xml", "svc"]) {
        const reply = yield* ask(ending, poxRequest(ALICE), "")
        expect([reply.status, reply.offers[0]]).toEqual([401, 'Basic realm="sandbox"'])
      }
      expect((yield* ask("xml", poxRequest(ALICE), basic(ALICE, "wrong"))).status).toBe(401)
      expect(exchange.failedLogins(ALICE)).toBe(1)
    })
  )

  it.scopedLive("says what is wrong with a question", () =>
    Effect.gen(function* () {
      const { ask, json, pox, soap } = yield* autodiscover
      expect(texts((yield* pox("no@corp.example")).text, "ErrorCode")).toEqual(["500"])
      expect(texts((yield* ask("xml", "<x/>")).text, "ErrorCode")).toEqual(["600"])
      expect(texts((yield* soap("no@corp.example")).text, "ErrorCode")).toEqual(["NoError", "InvalidUser"])
      expect(texts((yield* ask("svc", "<x/>")).text, "ErrorCode")).toEqual(["InvalidRequest"])
      expect((yield* json("/v1.0/no@corp.example?Protocol=EWS")).status).toBe(404)
      expect((yield* json(`/v1.0/${ALICE}?Protocol=Telepathy`)).status).toBe(400)
      expect((yield* json("/v1.0/%zz?Protocol=EWS")).status).toBe(400)
    })
  )
})

describe("scripted Autodiscover", () => {
  it.scopedLive("redirects, fails and is busy in the words of each protocol", () =>
    Effect.gen(function* () {
      const { exchange, json, pox, soap } = yield* autodiscover
      const path = `/v1.0/${ALICE}?Protocol=EWS`
      const url = "https://other.example/autodiscover/autodiscover.xml"
      yield* exchange.addAutodiscoverFault({ kind: "redirectAddr", address: BOB, times: 3 })
      expect(texts((yield* pox()).text, "RedirectAddr")).toEqual([BOB])
      expect(texts((yield* soap()).text, "RedirectTarget")).toEqual([BOB])
      expect((yield* json(path)).headers["location"]).toContain("bob%40corp.example")
      yield* exchange.addAutodiscoverFault({ kind: "redirectUrl", url, times: 3 })
      expect(texts((yield* pox()).text, "RedirectUrl")).toEqual([url])
      expect(texts((yield* soap()).text, "ErrorCode")).toEqual(["NoError", "RedirectUrl"])
      expect((yield* json(path)).headers["location"]).toBe(url)
      yield* exchange.addAutodiscoverFault({ kind: "error", code: 603, times: 3 })
      expect(texts((yield* pox()).text, "ErrorCode")).toEqual(["603"])
      expect(texts((yield* soap()).text, "ErrorCode")).toEqual(["InternalServerError"])
      expect((yield* json(path)).status).toBe(400)
      yield* exchange.addAutodiscoverFault({ kind: "busy", times: 3 })
      expect((yield* pox()).status).toBe(503)
      expect(texts((yield* soap()).text, "ErrorCode")).toEqual(["ServerBusy"])
      expect((yield* json(path)).status).toBe(503)
      yield* exchange.addAutodiscoverFault({ kind: "settings", ewsUrl: "", times: 3 })
      expect((yield* pox()).text).not.toContain("EwsUrl")
      expect(texts((yield* soap(ALICE, "ExternalEwsUrl")).text, "SettingName")).toEqual(["ExternalEwsUrl"])
      expect((yield* json(path)).status).toBe(400)
    })
  )

  it.scopedLive("meets who is meant, in the protocol that is meant, and the GET without a log-in", () =>
    Effect.gen(function* () {
      const { ask, exchange, pox, soap } = yield* autodiscover
      const location = "https://mail.example/autodiscover/autodiscover.xml"
      yield* exchange.addAutodiscoverFault({ kind: "redirect", location, times: 1 })
      expect((yield* ask("xml", "", "")).status).toBe(401)
      const got = yield* ask("xml", "", "", "GET")
      expect([got.status, got.headers["location"]]).toEqual([302, location])
      yield* exchange.addAutodiscoverFault({ kind: "unauthorized", user: BOB, protocol: "soap" })
      expect((yield* soap(BOB)).status).toBe(401)
      expect([(yield* soap()).status, (yield* pox(BOB)).status]).toEqual([200, 200])
      expect(exchange.failedLogins(ALICE)).toBe(1)
      yield* exchange.clearFaults
      yield* exchange.addAutodiscoverFault({ kind: "cut", beforeLogIn: true, times: 1 })
      expect((yield* ask("xml", "", "")).status).toBe(0)
    })
  )
})

const SAMPLES = join(import.meta.dirname, "../../../../shared/ews/samples")
const noSamples = !existsSync(SAMPLES)
if (noSamples)
  console.warn("SKIPPED: Autodiscover is not compared with samples: they are not beside the repository")

it.scopedLive.skipIf(noSamples)(
  `Autodiscover says things in the places of the captured samples${noSamples ? " [SKIPPED: no samples]" : ""}`,
  () =>
    Effect.gen(function* () {
      const { exchange, ask, pox, soap } = yield* autodiscover
      const sample = (name: string) => pathsOf(readFileSync(join(SAMPLES, name), "utf8")) ?? []
      const same = (text: string, name: string) => expect([name, pathsOf(text)]).toEqual([name, sample(name)])
      same((yield* ask("xml", "<x/>")).text, "autodiscover-pox-response-error-600.xml")
      yield* exchange.addAutodiscoverFault({ kind: "redirectAddr", address: BOB, times: 2 })
      same((yield* pox()).text, "autodiscover-pox-response-redirectaddr.xml")
      same((yield* soap()).text, "autodiscover-soap-redirectaddress.xml")
      yield* exchange.addAutodiscoverFault({ kind: "redirectUrl", url: "https://x.example/", times: 1 })
      same((yield* pox()).text, "autodiscover-pox-response-redirecturl.derived.xml")
      same((yield* soap(ALICE, "ExternalEwsUrl")).text, "autodiscover-soap-getusersettings-response.xml")
      const settings = pathsOf((yield* pox()).text) ?? []
      const unknown = settings.filter(
        (path) =>
          !sample("autodiscover-pox-response-settings.xml").includes(path) &&
          !/\}(?:EwsUrl|AutoDiscoverSMTPAddress)$/.test(path)
      )
      expect(unknown).toEqual([])
    })
)
