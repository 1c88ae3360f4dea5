import { once } from "node:events"
import * as Http from "node:http"
import * as Https from "node:https"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"

/** A request as it arrives: the action, and its parameters by their names in the form. */
export interface SnsRequest {
  readonly action: string
  readonly form: ReadonlyMap<string, string>
  readonly headers: Http.IncomingHttpHeaders
}

/** What the stub does with a request: an answer, silence, or a connection cut off before or within the answer. */
export type SnsAct =
  | {
      readonly status?: number
      readonly headers?: Http.OutgoingHttpHeaders
      readonly body?: string
    }
  | "silence"
  | "cut"
  | "cut within"

/** An endpoint of a platform application. */
export interface SnsEndpoint {
  readonly arn: string
  readonly kind: string
  token: string
  enabled: boolean
  /** Set by others than ENS, in whose way it then stands. */
  readonly userData: string
}

export interface SnsPublished {
  readonly token: string
  readonly kind: string
  /** The message for the endpoint's kind. */
  readonly message: unknown
  readonly attributes: Readonly<Record<string, string>>
}

export interface SnsStub {
  readonly url: string
  /** Every request, in order, whatever the answer was. */
  readonly requests: ReadonlyArray<SnsRequest>
  /** What was taken for a phone, in order. */
  readonly published: ReadonlyArray<SnsPublished>
  /** By ARN; a test may change them, or remove some. */
  readonly endpoints: Map<string, SnsEndpoint>
  /** An endpoint that somebody made. */
  readonly add: (platformArn: string, token: string, userData?: string) => SnsEndpoint
  readonly connections: () => number
  /** From now on another certificate (https only). */
  readonly present: (certificate: Certificate) => void
  /** What Apple and Google say of a token, after SNS has taken a notification: false disables its endpoint. */
  works: (token: string) => boolean
  /** Does so from now on; undefined = as an honest SNS does. */
  act: (request: SnsRequest) => SnsAct | undefined
}

export interface Certificate {
  readonly key: string
  readonly cert: string
}

export const failure = (
  status: number,
  code: string,
  message = "a message that may quote token-1",
  headers: Http.OutgoingHttpHeaders = {}
): SnsAct => ({
  status,
  headers,
  body: `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`
})

/** The mobile push of SNS on loopback (query protocol), with its endpoints; https with `tls`. */
export const make = ({ port = 0, tls }: { readonly port?: number; readonly tls?: Certificate } = {}) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const requests: Array<SnsRequest> = []
      const published: Array<SnsPublished> = []
      const endpoints = new Map<string, SnsEndpoint>()
      let connections = 0
      let last = 0

      const add: SnsStub["add"] = (platformArn, token, userData = "") => {
        const arn = `${platformArn.replace(":app/", ":endpoint/")}/${++last}`
        const endpoint = { arn, kind: platformArn.split("/")[1] ?? "", token, enabled: true, userData }
        endpoints.set(arn, endpoint)
        return endpoint
      }

      const create = (form: SnsRequest["form"]): SnsAct => {
        const platformArn = form.get("PlatformApplicationArn") ?? ""
        const token = form.get("Token") ?? ""
        if (!/:app\/(?:APNS|APNS_SANDBOX|GCM)\//.test(platformArn)) return failure(404, "NotFound")
        const start = platformArn.replace(":app/", ":endpoint/")
        const found = [...endpoints.values()].find((one) => one.arn.startsWith(start) && one.token === token)
        if (found && found.userData !== (form.get("CustomUserData") ?? ""))
          return failure(
            400,
            "InvalidParameter",
            `Invalid parameter: Token Reason: Endpoint ${found.arn} already exists with the same Token, but different attributes.`
          )
        // An endpoint that is there is handed out as it is, disabled or not.
        const { arn } = found ?? add(platformArn, token)
        return success("CreatePlatformEndpoint", `<EndpointArn>${arn}</EndpointArn>`)
      }

      const publish = (form: SnsRequest["form"]): SnsAct => {
        const endpoint = endpoints.get(form.get("TargetArn") ?? "")
        if (endpoint === undefined) return failure(404, "NotFound", "Endpoint does not exist")
        if (!endpoint.enabled) return failure(400, "EndpointDisabled", "Endpoint is disabled")
        const message = JSON.parse(form.get("Message") ?? "") as Record<string, string>
        const text = message[endpoint.kind]
        if (form.get("MessageStructure") !== "json" || !message.default || text === undefined)
          return failure(400, "InvalidParameter", "Invalid parameter: Message Structure")
        if (Buffer.byteLength(text) > (endpoint.kind === "GCM" ? 8192 : 4096))
          return failure(400, "InvalidParameter", "Invalid parameter: Message too long")
        published.push({
          token: endpoint.token,
          kind: endpoint.kind,
          message: JSON.parse(text),
          attributes: attributesIn(form)
        })
        endpoint.enabled = stub.works(endpoint.token)
        return success("Publish", "<MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId>")
      }

      const enable = (form: SnsRequest["form"]): SnsAct => {
        const endpoint = endpoints.get(form.get("EndpointArn") ?? "")
        if (endpoint === undefined) return failure(404, "NotFound")
        const attributes = entriesIn(form, "Attributes.entry", "key", "value")
        endpoint.enabled = attributes.get("Enabled") === "true"
        endpoint.token = attributes.get("Token") ?? endpoint.token
        return success("SetEndpointAttributes", "")
      }

      const actions: { readonly [action: string]: (form: SnsRequest["form"]) => SnsAct } = {
        CreatePlatformEndpoint: create,
        Publish: publish,
        SetEndpointAttributes: enable
      }

      const onRequest: Http.RequestListener = async (request, response) => {
        const chunks: Array<Buffer> = []
        for await (const chunk of request) chunks.push(chunk)
        const form = new Map(new URLSearchParams(Buffer.concat(chunks).toString("utf8")))
        const { headers } = request
        const action = form.get("Action") ?? ""
        requests.push({ action, form, headers })
        const signed = /^AWS4-HMAC-SHA256 Credential=\S+\/sns\/aws4_request, /.test(
          headers.authorization ?? ""
        )
        const act = signed
          ? (stub.act({ action, form, headers }) ?? actions[action]?.(form) ?? failure(400, "InvalidAction"))
          : failure(403, "MissingAuthenticationToken")
        if (act === "silence") return
        if (act === "cut") return void request.socket.destroy()
        if (act === "cut within") {
          response.writeHead(200, { "content-length": 1_000 })
          return void response.write("<", () => request.socket.destroy())
        }
        response.writeHead(act.status ?? 200, { "content-type": "text/xml", ...act.headers })
        response.end(act.body)
      }

      const server = tls ? Https.createServer({ ...tls }, onRequest) : Http.createServer(onRequest)
      server.on("connection", () => connections++)
      server.listen(port, "127.0.0.1")
      await once(server, "listening")
      const stub: SnsStub = {
        url: `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}/`,
        requests,
        published,
        endpoints,
        add,
        connections: () => connections,
        present: (certificate) => {
          if (server instanceof Https.Server) server.setSecureContext(certificate)
        },
        works: () => true,
        act: () => undefined
      }
      return { stub, server }
    }),
    ({ server }) =>
      Effect.promise(async () => {
        server.closeAllConnections()
        server.close()
        if (server.listening) await once(server, "close")
      })
  ).pipe(Effect.map(({ stub }) => stub))

const success = (action: string, result: string): SnsAct => ({
  body: `<${action}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${action}Response>`
})

/** A map of the query protocol: `<start>.1.<key>`, `<start>.1.<value>`, … */
const entriesIn = (
  form: SnsRequest["form"],
  start: string,
  key: string,
  value: string
): Map<string, string> => {
  const found = new Map<string, string>()
  for (let n = 1; form.has(`${start}.${n}.${key}`); n++)
    found.set(form.get(`${start}.${n}.${key}`) ?? "", form.get(`${start}.${n}.${value}`) ?? "")
  return found
}

const attributesIn = (form: SnsRequest["form"]) =>
  Object.fromEntries(entriesIn(form, "MessageAttributes.entry", "Name", "Value.StringValue"))
