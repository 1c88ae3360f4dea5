import { type KeyObject, verify } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http2"
import { Schema } from "effect"

/** Public keys of developer teams, by the ids that Apple gave the keys. */
export type ApnsKeys = Readonly<Record<string, { readonly teamId: string; readonly key: KeyObject }>>

/** What Apple says of a request that is wrong. */
export interface ApnsProblem {
  readonly status: number
  readonly reason: string
}

/**
 * What is wrong with a request in itself, in Apple's words ("Handling notification responses from APNs"), or undefined. It
 * is stricter in one thing: the expiration has to be there.
 */
export const problemOf = (
  { headers, payload, token }: Requested,
  bytes: number,
  keys: ApnsKeys | undefined
): ApnsProblem | undefined => {
  if (headers[":method"] !== "POST") return { status: 405, reason: "MethodNotAllowed" }
  if (token === "") return { status: 404, reason: "BadPath" }
  const forbidden = tokenProblem(headers.authorization, keys)
  if (forbidden) return { status: 403, reason: forbidden }
  if (bytes > 4096) return { status: 413, reason: "PayloadTooLarge" }
  const bad = headerProblem(headers) ?? (isPayload(payload) ? undefined : "PayloadEmpty")
  return bad === undefined ? undefined : { status: 400, reason: bad }
}

interface Requested {
  readonly token: string
  readonly headers: IncomingHttpHeaders
  readonly payload: unknown
}

const headerProblem = (headers: IncomingHttpHeaders): string | undefined => {
  if (!headers["apns-topic"]) return "MissingTopic"
  const type = headers["apns-push-type"]
  if (type !== "alert" && type !== "background") return "InvalidPushType"
  const priority = String(headers["apns-priority"])
  // What shows nothing must not hurry.
  if (!/^(?:1|5|10)$/.test(priority) || (type === "background" && priority === "10")) return "BadPriority"
  if (Buffer.byteLength(String(headers["apns-collapse-id"] ?? "")) > 64) return "BadCollapseId"
  return /^\d+$/.test(String(headers["apns-expiration"])) ? undefined : "BadExpirationDate"
}

const isPayload = Schema.is(Schema.Record({ key: Schema.String, value: Schema.Unknown }))

/** Apple, "Establishing a token-based connection to APNs": a JWT of the team, ES256, at most an hour old. */
const tokenProblem = (authorization: string | undefined, keys: ApnsKeys | undefined): string | undefined => {
  const [head, claims, signature] = /^bearer (.+)$/.exec(authorization ?? "")?.[1]?.split(".") ?? []
  if (!head || !claims || !signature) return "MissingProviderToken"
  if (keys === undefined) return undefined
  const said = decode({ head: text(head), claims: text(claims) })
  if (said._tag === "None") return "InvalidProviderToken"
  const { kid } = said.value.head
  const { iat, iss } = said.value.claims
  const known = Object.hasOwn(keys, kid) ? keys[kid] : undefined
  const genuine =
    known?.teamId === iss &&
    verify(
      "sha256",
      Buffer.from(`${head}.${claims}`),
      { key: known.key, dsaEncoding: "ieee-p1363" },
      Buffer.from(signature, "base64url")
    )
  if (!genuine) return "InvalidProviderToken"
  return Math.abs(Date.now() / 1000 - iat) > 3_600 ? "ExpiredProviderToken" : undefined
}

const text = (part: string): string => Buffer.from(part, "base64url").toString("utf8")

const decode = Schema.decodeUnknownOption(
  Schema.Struct({
    head: Schema.parseJson(Schema.Struct({ alg: Schema.Literal("ES256"), kid: Schema.String })),
    claims: Schema.parseJson(Schema.Struct({ iat: Schema.Number, iss: Schema.String }))
  })
)
