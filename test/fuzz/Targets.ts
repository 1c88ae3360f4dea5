import type { Target } from "./Target.ts"

/** The parsers, by the names of their files in `targets/`. */
const LOADERS: Readonly<Record<string, () => Promise<{ readonly target: Target }>>> = {
  callback: () => import("./targets/Callback.ts"),
  "callback-url": () => import("./targets/CallbackUrl.ts"),
  xml: () => import("./targets/Xml.ts"),
  ews: () => import("./targets/Ews.ts"),
  headers: () => import("./targets/Headers.ts"),
  autodiscover: () => import("./targets/Autodiscover.ts"),
  ntlm: () => import("./targets/Ntlm.ts"),
  "proxy-reply": () => import("./targets/ProxyReply.ts"),
  pkcs12: () => import("./targets/Pkcs12.ts"),
  "config-xml": () => import("./targets/ConfigXml.ts"),
  "device-api": () => import("./targets/DeviceApi.ts"),
  payload: () => import("./targets/Payload.ts"),
  sealed: () => import("./targets/Sealed.ts"),
  push: () => import("./targets/Push.ts"),
  settings: () => import("./targets/Settings.ts"),
  source: () => import("./targets/Source.ts")
}

export const TARGETS: ReadonlyArray<string> = Object.keys(LOADERS)

/** The target of this name; or in the file of this URL, for what is no parser of ours. */
export const targetNamed = async (name: string): Promise<Target> =>
  (await (name.startsWith("file:") ? import(name) : LOADERS[name]!())).target
