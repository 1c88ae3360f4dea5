import { SNSServiceException } from "@aws-sdk/client-sns"
import { Option, Schema } from "effect"
import { codeOf } from "./NetworkTrouble.ts"

/** Why SNS did not do what it was asked. */
export type SnsFailure =
  /** It answered, or something else did. */
  | {
      readonly _tag: "Answered"
      readonly status: number
      /** SNS's own code; undefined if the answer has another form than SNS's. */
      readonly code: string | undefined
      /** In SNS's words. May quote the request: not to be passed on. */
      readonly message: string
      readonly retryAfter: string | undefined
    }
  /** No answer; a code for `reasonOf`. */
  | { readonly _tag: "Broken"; readonly code: string }
  /** The SDK has no AWS credentials, or cannot get them. */
  | { readonly _tag: "NoCredentials" }

/** What the SDK failed with. */
export const failureOf = (cause: unknown): SnsFailure => {
  if (cause instanceof SNSServiceException) return answered(cause)
  // A fault of another service: one that the SDK asks for credentials.
  if (cause instanceof Error && ("$fault" in cause || CREDENTIALS.test(cause.name)))
    return { _tag: "NoCredentials" }
  const status = statusOf(cause)
  return status === undefined ? { _tag: "Broken", code: codeOf(cause) } : unreadable(status)
}

/** An answer in another form than SNS's. */
export const unreadable = (status: number): SnsFailure => ({
  _tag: "Answered",
  status,
  code: undefined,
  message: "",
  retryAfter: undefined
})

const CREDENTIALS = /^(?:CredentialsProviderError|TokenProviderError|ProviderError)$/

const answered = (error: SNSServiceException): SnsFailure => ({
  _tag: "Answered",
  status: error.$metadata.httpStatusCode ?? 0,
  // The SDK's class is of no use: it makes one of a bare status as well.
  code: "Code" in error && typeof error.Code === "string" ? error.Code : undefined,
  message: error.message,
  retryAfter: error.$response?.headers["retry-after"]
})

/** The SDK notes it with an answer that it could not read. */
const statusOf = (cause: unknown) => Option.getOrUndefined(decodeStatus(cause))?.$metadata.httpStatusCode

const decodeStatus = Schema.decodeUnknownOption(
  Schema.Struct({ $metadata: Schema.Struct({ httpStatusCode: Schema.Number }) })
)

/** SNS has no such endpoint, or no such platform application. */
export const isGone = (failure: SnsFailure): boolean =>
  failure._tag === "Answered" && failure.code === "NotFound"

/** SNS does not send to the endpoint, because Apple or Google did not want its token (or somebody disabled it). */
export const isDisabled = (failure: SnsFailure): boolean =>
  failure._tag === "Answered" && failure.code === "EndpointDisabled"

/** The connection ended before the answer: as a server may do at any time with a kept one. */
export const isBrokenOff = (failure: SnsFailure): boolean =>
  failure._tag === "Broken" && (failure.code === "ECONNRESET" || failure.code === "EPIPE")

/**
 * The endpoint that stands in the way of making one: somebody made it for the same token with attributes that ENS never
 * sets. SNS names it nowhere but in its words.
 */
export const existingEndpoint = (failure: SnsFailure): string | undefined =>
  failure._tag === "Answered" && failure.code === "InvalidParameter"
    ? /Endpoint (arn:aws[a-z-]*:sns:\S+) already exists with the same [Tt]oken/.exec(failure.message)?.[1]
    : undefined
