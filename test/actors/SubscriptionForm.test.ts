import { describe, expect, it } from "@effect/vitest"
import { formOf } from "../../actors/SubscriptionForm.ts"
import { type Env, isOutdated, unsubscribed } from "../../actors/SubscriptionState.ts"
import type { UserNumber } from "../../schemas/Ids.ts"

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

  it("that is not known asks for a renewal only where keys are kept for it", () => {
    const state = { ...unsubscribed("7" as UserNumber, 0), form: 0 }
    const env = { form: 5 } as Env
    expect(isOutdated(state, env)).toBe(false)
    expect(isOutdated(state, { ...env, hasOldMacs: true })).toBe(true)
    expect(isOutdated({ ...state, form: 5 }, { ...env, hasOldMacs: true })).toBe(false)
  })

  it("is the same where Exchange is asked for the same", () => {
    expect(formOf({ ...settings, statusFrequencyMinutes: 15.2 }, key)).toBe(formOf(settings, key))
  })
})
