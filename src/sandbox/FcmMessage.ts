import type { OutgoingHttpHeaders } from "node:http"
import { Option, Schema } from "effect"
import type { HttpAct } from "./HttpAct.ts"

/** A message as it arrives, as far as ENS uses its form. */
const FcmMessage = Schema.Struct({
  token: Schema.NonEmptyString,
  data: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
  android: Schema.optional(
    Schema.Struct(
      { ttl: Schema.optional(Schema.String.pipe(Schema.pattern(/^\d+s$/))) },
      Schema.Record({ key: Schema.String, value: Schema.Unknown })
    )
  ),
  apns: Schema.optional(
    Schema.Struct({
      headers: Schema.Record({ key: Schema.String, value: Schema.String }),
      payload: Schema.Record({ key: Schema.String, value: Schema.Unknown })
    })
  )
})
export type FcmMessage = typeof FcmMessage.Type

const FcmRequest = Schema.parseJson(
  Schema.Struct({ message: FcmMessage, validate_only: Schema.optional(Schema.Boolean) })
)
const decode = Schema.decodeUnknownOption(FcmRequest)

/** Reads the body of a request; undefined if it is wrong in itself, for which FCM has one answer. */
export const readMessage = (body: string): FcmMessage | undefined => {
  const message = Option.getOrUndefined(decode(body))?.message
  const size = Buffer.byteLength(JSON.stringify(message?.apns?.payload ?? message?.data ?? {}))
  return size > PAYLOAD_MAX ? undefined : message
}

/** A dry run: FCM says what it thinks of the message, and sends nothing. */
export const isDryRun = (body: string): boolean => Option.getOrUndefined(decode(body))?.validate_only === true

/** Bytes that FCM hands on to a phone at most. */
const PAYLOAD_MAX = 4096

/** FCM's form of an error (firebase.google.com, "ErrorCode" of the HTTP v1 API); `code` is FCM's own detail of it. */
export const fcmError = (
  status: number,
  word: string,
  code?: string,
  more: {
    readonly headers?: OutgoingHttpHeaders
    readonly details?: ReadonlyArray<unknown>
    readonly message?: string
  } = {}
): HttpAct => ({
  status,
  headers: more.headers ?? {},
  body: {
    error: {
      code: status,
      status: word,
      message: more.message ?? "by script",
      details: [
        ...(code === undefined
          ? []
          : [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode: code }]),
        ...(more.details ?? [])
      ]
    }
  }
})
