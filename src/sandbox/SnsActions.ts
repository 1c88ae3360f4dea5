import { randomUUID } from "node:crypto"
import type { HttpAct } from "./HttpAct.ts"
import type { SnsEndpoint, SnsEndpoints } from "./SnsEndpoints.ts"
import { snsError, snsResult } from "./SnsXml.ts"

/** The parameters of a request of the query protocol, by their names. */
export type SnsForm = ReadonlyMap<string, string>

/** A notification that SNS took for an endpoint. */
export interface SnsPublished {
  readonly token: string
  readonly kind: string
  /** The message for the endpoint's kind. */
  readonly message: unknown
  readonly attributes: Readonly<Record<string, string>>
}

/**
 * Does what is asked as SNS does (docs.aws.amazon.com, Amazon SNS API reference), for the four actions that ENS uses.
 * `published` says what Apple or Google thinks of the token afterwards: false disables the endpoint.
 */
export const act = (
  endpoints: SnsEndpoints,
  action: string,
  form: SnsForm,
  published: (notification: SnsPublished) => boolean
): HttpAct => {
  switch (action) {
    case "CreatePlatformEndpoint":
      return create(endpoints, form)
    case "SetEndpointAttributes":
      return change(endpoints, form)
    case "GetPlatformApplicationAttributes":
      return platform(form)
    case "Publish":
      return publish(endpoints, form, published)
    default:
      return snsError(400, "InvalidAction")
  }
}

const platform = (form: SnsForm): HttpAct =>
  /:app\/(?:APNS|APNS_SANDBOX|GCM)\//.test(form.get("PlatformApplicationArn") ?? "")
    ? snsResult(
        "GetPlatformApplicationAttributes",
        "<Attributes><entry><key>Enabled</key><value>true</value></entry></Attributes>"
      )
    : snsError(404, "NotFound")

const create = (endpoints: SnsEndpoints, form: SnsForm): HttpAct => {
  const platformArn = form.get("PlatformApplicationArn") ?? ""
  const token = form.get("Token") ?? ""
  if (!/:app\/(?:APNS|APNS_SANDBOX|GCM)\//.test(platformArn)) return snsError(404, "NotFound")
  if (token === "") return snsError(400, "InvalidParameter", "Invalid parameter: Token")
  const found = endpoints.find(platformArn, token)
  if (found !== undefined && found.userData !== (form.get("CustomUserData") ?? ""))
    return snsError(
      400,
      "InvalidParameter",
      `Invalid parameter: Token Reason: Endpoint ${found.arn} already exists with the same Token, but different attributes.`
    )
  // One that is there is handed out as it is, disabled or not.
  const { arn } = found ?? endpoints.add(platformArn, token)
  return snsResult("CreatePlatformEndpoint", `<EndpointArn>${arn}</EndpointArn>`)
}

const change = (endpoints: SnsEndpoints, form: SnsForm): HttpAct => {
  const endpoint = endpoints.all.get(form.get("EndpointArn") ?? "")
  if (endpoint === undefined) return snsError(404, "NotFound", "Endpoint does not exist")
  const attributes = entriesIn(form, "Attributes.entry", "key", "value")
  endpoint.enabled = (attributes["Enabled"] ?? `${endpoint.enabled}`) === "true"
  endpoint.token = attributes["Token"] ?? endpoint.token
  return snsResult("SetEndpointAttributes", "")
}

const publish = (
  endpoints: SnsEndpoints,
  form: SnsForm,
  published: (notification: SnsPublished) => boolean
): HttpAct => {
  const endpoint = endpoints.all.get(form.get("TargetArn") ?? "")
  if (endpoint === undefined) return snsError(404, "NotFound", "Endpoint does not exist")
  if (!endpoint.enabled) return snsError(400, "EndpointDisabled", "Endpoint is disabled")
  const text = messageFor(endpoint, form)
  const message = text === undefined ? undefined : parse(text)
  if (text === undefined || message === undefined)
    return snsError(400, "InvalidParameter", "Invalid parameter: Message Structure")
  if (Buffer.byteLength(text) > (endpoint.kind === "GCM" ? 8192 : 4096))
    return snsError(400, "InvalidParameter", "Invalid parameter: Message too long")
  const attributes = entriesIn(form, "MessageAttributes.entry", "Name", "Value.StringValue")
  const { kind, token } = endpoint
  endpoint.enabled = published({ token, kind, message, attributes })
  return snsResult("Publish", `<MessageId>${randomUUID()}</MessageId>`)
}

/** The message has one text for each kind of endpoint, and one for all others, which must be there. */
const messageFor = ({ kind }: SnsEndpoint, form: SnsForm): string | undefined => {
  const message = parse(form.get("Message") ?? "")
  if (form.get("MessageStructure") !== "json" || typeof message !== "object" || message === null)
    return undefined
  const texts = new Map(Object.entries(message))
  const text = texts.get(kind)
  return texts.get("default") && typeof text === "string" ? text : undefined
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A map of the query protocol: `<start>.1.<key>`, `<start>.1.<value>`, … */
const entriesIn = (
  form: SnsForm,
  start: string,
  key: string,
  value: string
): Readonly<Record<string, string>> => {
  const found: Array<[string, string]> = []
  for (let n = 1; form.has(`${start}.${n}.${key}`); n++)
    found.push([form.get(`${start}.${n}.${key}`) ?? "", form.get(`${start}.${n}.${value}`) ?? ""])
  return Object.fromEntries(found)
}
