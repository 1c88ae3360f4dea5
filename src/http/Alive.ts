import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { host, instanceId, version } from "../Instance.ts"

/** The answer to `GET alive`, as ENS2's monitoring expects it. */
export const alive = (
  settings: Pick<SettingsShape, "environmentType">
): HttpServerResponse.HttpServerResponse =>
  xml(
    200,
    `<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">${escape(host)} is alive, Version = ${escape(version)} Environment = ${escape(settings.environmentType)} InstanceId = ${instanceId}</string>`
  )

/** The answer to a known path with a method that it does not have. */
export const methodNotAllowed = (method: string, allowed: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.setHeader(
    xml(
      405,
      `<Error><Message>The requested resource does not support http method '${escape(method)}'.</Message></Error>`
    ),
    "allow",
    allowed
  )

const xml = (status: number, text: string) =>
  HttpServerResponse.text(text, { status, contentType: "application/xml" })

const escape = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("'", "&apos;")
