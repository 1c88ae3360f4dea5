import type { SettingsShape } from "../../schemas/Settings.ts"

/** How Exchange is reached, as the settings' defaults have it. */
export const defaultEwsSettings = {
  ewsAllowedHosts: [],
  autodiscoverUrls: [],
  ewsCaFile: undefined,
  ewsProxyUrl: undefined,
  ewsProxyBypass: [],
  ewsPasswordAuth: { otherwise: "auto", hosts: new Map() },
  ewsNoChannelBinding: [],
  ewsTlsMinVersion: "1.2",
  segHosts: [],
  segDeviceHeader: "X-AW-ENS-DEVICES",
  segCheck: "device"
} as const satisfies Partial<SettingsShape>
