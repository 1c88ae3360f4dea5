import type { Platform, PushNotification } from "../../schemas/Push.ts"

/** Notification number `n`, as composing would make it; each has its own device. */
export const notification = (
  n: number,
  more: Partial<PushNotification> & { readonly platform?: Platform; readonly token?: string } = {}
): PushNotification => {
  const { platform = "iOS", token = `token-${n}`, ...rest } = more
  const ens = { action: "newMail", userId: "ab".repeat(32), messageId: `item-${n}` }
  return {
    id: `id-${n}`,
    target: { token, platform, bundleId: "com.example.mail", environment: "production", registeredAt: 0 },
    kind: "newMail",
    priority: "high",
    payload:
      platform === "iOS"
        ? { aps: { alert: { title: `Sender ${n}`, subtitle: `Subject ${n}` }, "mutable-content": 1 }, ens }
        : { ...ens, title: `Sender ${n}`, subtitle: `Subject ${n}` },
    expiresAt: 86_400_000,
    ...rest
  }
}
