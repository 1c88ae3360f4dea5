import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { escaped } from "../../layers/ews/XmlText.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { host, instanceId, version } from "../Instance.ts"

/** The answer to `GET alive`, as ENS2's monitoring expects it. */
export const alive = (
  settings: Pick<SettingsShape, "environmentType">
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(aliveText(settings), { contentType: "application/xml" })

export const aliveText = (settings: Pick<SettingsShape, "environmentType">): string =>
  `<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">${escaped(host)} is alive, Version = ${escaped(version)} Environment = ${escaped(settings.environmentType)} InstanceId = ${instanceId}</string>`
