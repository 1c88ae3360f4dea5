import type { SettingsShape } from "../../schemas/Settings.ts"

const noApp = { otherwise: undefined, apps: new Map<string, string>() }

/** The push gateways, as the settings' defaults have them. */
export const defaultPushSettings = {
  push: { ios: "log", android: "log" },
  pushLogFile: undefined,
  cns: {
    url: "http://127.0.0.1/",
    configFile: undefined,
    certFile: undefined,
    certPassword: undefined,
    pins: [],
    proxyUrl: undefined,
    caFile: undefined,
    cms: { separator: "'1", digest: "sha256" }
  },
  sns: { region: undefined, endpoint: undefined, ios: noApp, android: noApp },
  fcm: { serviceAccountFile: undefined, endpoint: undefined },
  apns: { keyFile: noApp, keyId: noApp, teamId: noApp, host: undefined, port: 443 }
} as const satisfies Partial<SettingsShape>
