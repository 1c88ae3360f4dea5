import type { SettingsShape } from "../schemas/Settings.ts"
import { hash53 } from "./Ledger.ts"

type FormSettings = Pick<SettingsShape, "publicUrl" | "webhookCredentials" | "statusFrequencyMinutes">

/**
 * As what subscriptions are made by this process: a digest of all that their callback URLs are made of (`keyForm`, see
 * `ServiceKeys`, stands for the key that signs them) and Exchange is asked for. One that was made otherwise is renewed when
 * its credentials are at hand. Never 0, which means unknown.
 */
export const formOf = (settings: FormSettings, keyForm: Uint8Array): number => {
  const parts = [
    settings.publicUrl,
    settings.webhookCredentials,
    askedFrequency(settings),
    Buffer.from(keyForm).toString("hex")
  ]
  // 30 bits: a small integer, of which a hundred thousand take no room of their own.
  return 1 + (hash53(parts.join(" ")) % (2 ** 30 - 1))
}

/** Minutes between two heartbeats, as Exchange is asked for them: whole ones, at least one. */
export const askedFrequency = ({ statusFrequencyMinutes }: Pick<FormSettings, "statusFrequencyMinutes">) =>
  Math.max(1, Math.round(statusFrequencyMinutes))
