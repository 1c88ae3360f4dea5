import { readFileSync } from "node:fs"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import { LogInBudget } from "../../layers/ews/LogInBudget.ts"
import type { AuthType, Credentials } from "../../schemas/Credentials.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { type ReceivedRequest, scriptedServer } from "../support/ScriptedServer.ts"
import { callerWith, endpointAt, open, request, sessionsLayer } from "../support/SessionCaller.ts"
import { APACHE_FILES, type Apache, apache, BASIC_USERS, GOOD_TOKEN, USERS } from "./support/Apache.ts"
import { type BadCertificates, badCertificates } from "./support/BadCertificates.ts"
import { CBT_FILES, cbtPeer } from "./support/CbtPeer.ts"
import { P12_PASSWORD, type Pki, pki } from "./support/Pki.ts"
import { describePeer } from "./support/RealPeer.ts"

interface PeersShape {
  readonly keys: Pki
  readonly bad: BadCertificates
  readonly apache: Apache
  readonly bound: { readonly required: string; readonly allowed: string; readonly ec: string }
}

class Peers extends Context.Tag("ens/test/LogInPeers")<Peers, PeersShape>() {}

/** Who a request is from, as Apache tells its backend. */
const personOf = ({ headers }: ReceivedRequest): string => {
  const user = Buffer.from(String(headers["x-remote-user"] ?? ""), "latin1").toString("utf8")
  const subject = headers["x-client-dn"]
  return [user, ...(subject === undefined ? [] : [`(${String(subject)})`])].join(" ").trim()
}

const peers = Layer.scoped(
  Peers,
  Effect.gen(function* () {
    const keys = yield* pki
    const backend = yield* scriptedServer
    backend.script((response, received) => response.writeHead(200).end(personOf(received)))
    return {
      keys,
      bad: badCertificates(keys),
      apache: yield* apache(keys, backend.origin),
      bound: {
        required: yield* cbtPeer(keys, "required"),
        allowed: yield* cbtPeer(keys, "allowed"),
        ec: yield* cbtPeer(keys, "required", "srv-ec")
      }
    }
  })
)

interface Row {
  readonly name: string
  readonly authType: AuthType
  readonly credentials: (at: PeersShape) => Partial<Credentials>
  /** Origin, and the path that makes the offer. */
  readonly server: (at: PeersShape) => readonly [string, string]
  readonly settings?: Partial<SettingsShape>
  /** Who the server says it is, or how two calls in one session fail. */
  readonly outcome: string
  /** What the server saw of the two calls, if it tells; `*` begins a connection. */
  readonly seen?: ReadonlyArray<string>
  /** Log-ins that were rejected. */
  readonly rejected?: number
}

const password = (user: string, secret: string, domain?: string) => () => ({
  username: user,
  password: secret,
  ...(domain === undefined ? {} : { domain })
})
const alice = password("alice", USERS.alice.password, "CONTOSO")
const wrong = password("alice", "guess", "CONTOSO")
const plainAlice = password("alice", BASIC_USERS.alice)
const token = (accessToken: string) => () => ({ accessToken })
const certificate =
  (name: "client" | "client-ec", encryption: "new" | "legacy", secret = P12_PASSWORD) =>
  ({ keys }: PeersShape) => ({ certificate: keys.p12(name, encryption), certificatePassword: secret })
const bad = (name: keyof BadCertificates) => (at: PeersShape) => ({
  certificate: at.bad[name],
  certificatePassword: P12_PASSWORD
})
const both =
  (...parts: ReadonlyArray<(at: PeersShape) => Partial<Credentials>>) =>
  (at: PeersShape): Partial<Credentials> =>
    Object.assign({}, ...parts.map((part) => part(at)))

const rsa = (path: string) => (at: PeersShape) => [at.apache.rsa, path] as const
const ec = (path: string) => (at: PeersShape) => [at.apache.ec, path] as const
const mutual = (path: string) => (at: PeersShape) => [at.apache.mutual, path] as const
const bound = (kind: keyof PeersShape["bound"]) => (at: PeersShape) => [at.bound[kind], "/EWS"] as const
const SAYS = (setting: "basic" | "ntlm") => ({
  settings: { ewsPasswordAuth: { otherwise: setting, hosts: new Map() } }
})
const UNBOUND = { settings: { ewsNoChannelBinding: ["127.0.0.1"] } }

const DIALOGUE = ["NTLM 1 401", "NTLM 3 200", "- 200"]
const WRAPPED = ["Negotiate 1 401", "Negotiate 3 200", "- 200"]
const ALICE = "CONTOSO\\alice"
const CERTIFIED = "(CN=alice,O=Contoso)"

const ROWS: ReadonlyArray<Row> = [
  // Basic on offer
  {
    name: "a password, where Basic is offered",
    authType: "Basic",
    credentials: plainAlice,
    server: rsa("/basic/"),
    outcome: "alice",
    seen: ["* - 401", "Basic 200", "Basic 200"]
  },
  {
    name: "an umlaut in name and password, where Basic is offered",
    authType: "Basic",
    credentials: password("jürgen", BASIC_USERS.jürgen),
    server: rsa("/basic/"),
    outcome: "jürgen",
    seen: ["* - 401", "Basic 200", "Basic 200"]
  },
  {
    name: "a wrong password, where Basic is offered",
    authType: "Basic",
    credentials: wrong,
    server: rsa("/basic/"),
    outcome: "EwsUnauthorized Basic",
    seen: ["* - 401", "Basic 401"],
    rejected: 1
  },
  // NTLM on offer
  {
    name: "a password, where Negotiate and NTLM are offered",
    authType: "Basic",
    credentials: alice,
    server: rsa("/ntlm/"),
    outcome: ALICE,
    seen: ["* - 401", ...DIALOGUE]
  },
  {
    name: "a password, where the certificate is of an elliptic curve",
    authType: "Basic",
    credentials: alice,
    server: ec("/ntlm/"),
    outcome: ALICE,
    seen: ["* - 401", ...DIALOGUE]
  },
  {
    name: "a domain in the user name, where NTLM is offered",
    authType: "Basic",
    credentials: password("CONTOSO.TEST\\bob", USERS.bob.password),
    server: rsa("/ntlm/"),
    outcome: "CONTOSO.TEST\\bob",
    seen: ["* - 401", ...DIALOGUE]
  },
  {
    name: "a user without domain, where NTLM is offered",
    authType: "Basic",
    credentials: password("carol", USERS.carol.password),
    server: rsa("/ntlm/"),
    outcome: "carol",
    seen: ["* - 401", ...DIALOGUE]
  },
  {
    name: "an umlaut in the password, where NTLM is offered",
    authType: "Basic",
    credentials: password("dave", USERS.dave.password, "CONTOSO"),
    server: rsa("/ntlm/"),
    outcome: "CONTOSO\\dave",
    seen: ["* - 401", ...DIALOGUE]
  },
  {
    name: "a wrong password, where NTLM is offered",
    authType: "Basic",
    credentials: wrong,
    server: rsa("/ntlm/"),
    outcome: "EwsUnauthorized NTLM",
    seen: ["* - 401", "NTLM 1 401", "NTLM 3 401"],
    rejected: 1
  },
  {
    name: "a password, where Negotiate alone is offered",
    authType: "Basic",
    credentials: alice,
    server: rsa("/nego/"),
    outcome: ALICE,
    seen: ["* - 401", ...WRAPPED]
  },
  {
    name: "a wrong password, where Negotiate alone is offered",
    authType: "Basic",
    credentials: wrong,
    server: rsa("/nego/"),
    outcome: "EwsUnauthorized Negotiate",
    seen: ["* - 401", "Negotiate 1 401", "Negotiate 3 401"],
    rejected: 1
  },
  // A choice
  {
    name: "a password, where Basic and NTLM are offered",
    authType: "Basic",
    credentials: plainAlice,
    server: rsa("/both/"),
    outcome: "alice",
    seen: ["* - 401", "Basic 200", "Basic 200"]
  },
  {
    name: "a password, where both are offered and the operator wants NTLM",
    authType: "Basic",
    credentials: alice,
    server: rsa("/both/"),
    ...SAYS("ntlm"),
    outcome: ALICE,
    seen: [`* ${DIALOGUE[0]}`, ...DIALOGUE.slice(1)]
  },
  {
    name: "a password, where Basic is offered and the operator says so",
    authType: "Basic",
    credentials: plainAlice,
    server: rsa("/basic/"),
    ...SAYS("basic"),
    outcome: "alice",
    seen: ["* Basic 200", "Basic 200"]
  },
  {
    name: "a password, where Basic is offered and the operator wants NTLM",
    authType: "Basic",
    credentials: plainAlice,
    server: rsa("/basic/"),
    ...SAYS("ntlm"),
    outcome: "EwsRefused it offers Basic; ENS_EWS_PASSWORD_AUTH asks for NTLM, set it to auto",
    seen: ["* NTLM 1 401"]
  },
  {
    name: "a password, where tokens are wanted",
    authType: "Basic",
    credentials: alice,
    server: rsa("/bearer/"),
    outcome:
      "EwsRefused it offers Bearer; for passwords register with auth type OAuth, or enable Basic or NTLM there",
    seen: ["* - 401"]
  },
  {
    name: "a password, where nobody asks for one",
    authType: "Basic",
    credentials: alice,
    server: rsa("/open/"),
    outcome: "EwsUnusable it asks for no log-in",
    seen: ["* - 200"]
  },
  // Tokens
  {
    name: "an access token",
    authType: "OAuth",
    credentials: token(GOOD_TOKEN),
    server: rsa("/bearer/"),
    outcome: "",
    seen: ["* Bearer 200", "Bearer 200"]
  },
  {
    name: "an access token that has expired",
    authType: "OAuth",
    credentials: token("yesterdays-token"),
    server: rsa("/bearer/"),
    outcome: "EwsUnauthorized Bearer",
    seen: ["* Bearer 401"],
    rejected: 1
  },
  {
    name: "an access token, where passwords are wanted",
    authType: "OAuth",
    credentials: token(GOOD_TOKEN),
    server: rsa("/basic/"),
    outcome: "EwsUnauthorized Bearer",
    seen: ["* Bearer 401"],
    rejected: 1
  },
  // Certificates
  ...(
    [
      ["client", "new"],
      ["client", "legacy"],
      ["client-ec", "new"],
      ["client-ec", "legacy"]
    ] as const
  ).map(
    ([name, encryption]): Row => ({
      name: `a certificate (${name}, ${encryption} encryption)`,
      authType: "Certificate",
      credentials: certificate(name, encryption),
      server: mutual("/open/"),
      outcome: `alice ${CERTIFIED}`,
      seen: ["* - 200", "- 200"]
    })
  ),
  {
    name: "a certificate's wrong password",
    authType: "Certificate",
    credentials: certificate("client", "new", "guess"),
    server: mutual("/open/"),
    outcome: "EwsRefused the client certificate's password is wrong, or the file is damaged",
    seen: []
  },
  {
    name: "an expired certificate",
    authType: "Certificate",
    credentials: bad("expired"),
    server: mutual("/open/"),
    outcome: "EwsUnreachable client certificate",
    seen: []
  },
  {
    name: "a certificate of a foreign authority",
    authType: "Certificate",
    credentials: bad("foreign"),
    server: mutual("/open/"),
    outcome: "EwsUnreachable client certificate",
    seen: []
  },
  {
    name: "no certificate, where one is wanted",
    authType: "Basic",
    credentials: plainAlice,
    server: mutual("/basic/"),
    outcome: "EwsUnreachable client certificate",
    seen: []
  },
  // Certificates and something else
  {
    name: "a certificate and a password, where Basic is offered",
    authType: "Dual",
    credentials: both(certificate("client", "new"), plainAlice),
    server: mutual("/basic/"),
    outcome: `alice ${CERTIFIED}`,
    seen: ["* - 401", "Basic 200", "Basic 200"]
  },
  {
    name: "a certificate and a password, where the certificate is enough",
    authType: "Dual",
    credentials: both(certificate("client", "new"), plainAlice),
    server: mutual("/open/"),
    outcome: `alice ${CERTIFIED}`,
    seen: ["* - 200", "- 200", "- 200", "- 200"]
  },
  {
    name: "a certificate and a wrong password, where Basic is offered",
    authType: "Dual",
    credentials: both(certificate("client", "new"), wrong),
    server: mutual("/basic/"),
    outcome: "EwsUnauthorized Basic",
    seen: ["* - 401", "Basic 401"],
    rejected: 1
  },
  {
    name: "a certificate and a password, where NTLM is offered",
    authType: "Dual",
    credentials: both(certificate("client-ec", "new"), alice),
    server: mutual("/ntlm/"),
    outcome: `${ALICE} ${CERTIFIED}`,
    seen: ["* - 401", ...DIALOGUE]
  },
  {
    name: "a certificate and a wrong password, where NTLM is offered",
    authType: "Dual",
    credentials: both(certificate("client-ec", "new"), wrong),
    server: mutual("/ntlm/"),
    outcome: "EwsUnauthorized NTLM",
    seen: ["* - 401", "NTLM 1 401", "NTLM 3 401"],
    rejected: 1
  },
  {
    name: "a certificate and an access token",
    authType: "Dual",
    credentials: both(certificate("client", "legacy"), token(GOOD_TOKEN)),
    server: mutual("/bearer/"),
    outcome: CERTIFIED,
    seen: ["* Bearer 200", "Bearer 200"]
  },
  {
    name: "a certificate and an access token that has expired",
    authType: "Dual",
    credentials: both(certificate("client", "new"), token("yesterdays-token")),
    server: mutual("/bearer/"),
    outcome: "EwsUnauthorized Bearer",
    seen: ["* Bearer 401"],
    rejected: 1
  },
  {
    name: "an expired certificate and the right password",
    authType: "Dual",
    credentials: both(bad("expired"), plainAlice),
    server: mutual("/basic/"),
    outcome: "EwsUnreachable client certificate",
    seen: []
  },
  // Extended protection
  {
    name: "NTLM, where a channel binding is required",
    authType: "Basic",
    credentials: alice,
    server: bound("required"),
    outcome: `${ALICE} bound=True`
  },
  {
    name: "NTLM, where a binding to an elliptic certificate is required",
    authType: "Basic",
    credentials: alice,
    server: bound("ec"),
    outcome: `${ALICE} bound=True`
  },
  {
    name: "NTLM, where a channel binding is allowed",
    authType: "Basic",
    credentials: alice,
    server: bound("allowed"),
    outcome: `${ALICE} bound=True`
  },
  {
    name: "NTLM without a binding, where one is allowed",
    authType: "Basic",
    credentials: alice,
    server: bound("allowed"),
    ...UNBOUND,
    outcome: `${ALICE} bound=False`
  },
  {
    name: "NTLM without a binding, where one is required",
    authType: "Basic",
    credentials: alice,
    server: bound("required"),
    ...UNBOUND,
    outcome: "EwsUnauthorized NTLM",
    rejected: 1
  },
  {
    name: "a wrong password, where a channel binding is required",
    authType: "Basic",
    credentials: wrong,
    server: bound("required"),
    outcome: "EwsUnauthorized NTLM",
    rejected: 1
  }
]

/** What one line of Apache's log says, without the secret. */
const shown = (line: string): string => {
  const [before, , status, scheme = "", value = ""] = line.split(" ")
  const bytes = Buffer.from(value, "base64")
  const start = bytes.indexOf("NTLMSSP\0")
  const message = start < 0 ? "" : ` ${bytes[start + 8]}`
  return `${before === "0" ? "* " : ""}${scheme || "-"}${message} ${status}`
}

/** What Apache saw at this path; it writes its log a moment after the answer. */
const seenAt = (at: PeersShape, path: string, count: number) =>
  Effect.suspend(() => {
    const lines = readFileSync(at.apache.accessLog, "utf8").split("\n")
    const mine = lines.filter((line) => line.split(" ")[1] === path).map(shown)
    return mine.length >= count ? Effect.succeed(mine) : Effect.fail(mine)
  }).pipe(
    Effect.retry(Schedule.intersect(Schedule.spaced(20), Schedule.recurs(100))),
    Effect.catchAll(Effect.succeed)
  )

class CountingBudget extends LogInBudget {
  rejected = 0
  constructor() {
    super(2)
  }
  override spend(): void {
    this.rejected++
    super.spend()
  }
}

const told = (error: EwsError): string => {
  switch (error._tag) {
    case "EwsUnauthorized":
      return `${error._tag} ${error.scheme}`
    case "EwsRefused":
      return `${error._tag} ${error.responseCode}`
    case "EwsUnreachable":
      // Servers hang up with an alert or without.
      return `${error._tag} ${/client certificate/.exec(error.reason)?.[0] ?? error.reason}`
    case "EwsUnusable":
      return `${error._tag} ${error.reason}`
    default:
      return error._tag
  }
}

const FILES = [...APACHE_FILES, ...CBT_FILES]

describePeer("logging in to real servers", FILES, () => {
  layer(peers, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.scoped.each(ROWS.map((row, index) => [row.name, row, index] as const))("%s", ([, row, index]) =>
      Effect.gen(function* () {
        const at = yield* Peers
        const [origin, path] = row.server(at)
        const budget = new CountingBudget()
        const credentials = { address: "ada@example.com", ...row.credentials(at) }
        const endpoint = endpointAt(origin, `${path}row-${index}`)
        const outcome = yield* Effect.gen(function* () {
          const session = yield* open(callerWith({ authType: row.authType, credentials, budget }))
          const call = session.send(endpoint, request, 10_000)
          const [first, second] = [yield* call, yield* call].map(({ body }) => Buffer.from(body).toString())
          expect(second).toBe(first)
          return first
        }).pipe(
          Effect.scoped,
          Effect.catchAll((error) => Effect.succeed(told(error))),
          Effect.provide(Layer.orDie(sessionsLayer({ ca: at.keys.ca }, row.settings)))
        )
        expect(outcome).toBe(row.outcome)
        expect(budget.rejected).toBe(row.rejected ?? 0)
        if (row.seen !== undefined) {
          expect(yield* seenAt(at, `${path}row-${index}`, row.seen.length)).toEqual(row.seen)
        }
      })
    )
  })
})
