import { describe, expect, it } from "@effect/vitest"
import { formOf } from "../../actors/SubscriptionForm.ts"

const settings = {
  publicUrl: "https://ens.example.com/api/ens",
  webhookCredentials: "sealed",
  statusFrequencyMinutes: 15
} as const
const key = new Uint8Array(16)

describe("the form of a subscription", () => {
  it("is another one for each thing that its callback URL is made of, or that Exchange is asked for", () => {
    const forms = [
      formOf(settings, key),
      formOf({ ...settings, publicUrl: "https://ens.example.org/api/ens" }, key),
      formOf({ ...settings, webhookCredentials: "rsa" }, key),
      formOf({ ...settings, statusFrequencyMinutes: 30 }, key),
      formOf(
        settings,
        key.map(() => 1)
      )
    ]
    expect(new Set(forms).size).toBe(forms.length)
    for (const form of forms) expect(Number.isInteger(form) && form > 0 && form <= 2 ** 30).toBe(true)
  })

  it("is the same where Exchange is asked for the same", () => {
    expect(formOf({ ...settings, statusFrequencyMinutes: 15.2 }, key)).toBe(formOf(settings, key))
  })
})
