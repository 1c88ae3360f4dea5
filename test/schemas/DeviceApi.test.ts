import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import {
  GetPublicKeyRequest,
  RegisterDeviceRequest,
  readAuthType,
  requestReader,
  UnregisterRequest
} from "../../schemas/DeviceApi.ts"
import { EXCHANGE_VERSIONS } from "../../schemas/EwsMessage.ts"

const register = requestReader(RegisterDeviceRequest)
const ID = "ab".repeat(32)
const GOOD = {
  userId: ID,
  deviceToken: "t",
  deviceType: "iOS",
  bundleId: "b",
  authType: "Basic",
  payload: "AAAA"
}
const valueOf = (more: Record<string, unknown>) => Either.getOrThrow(register({ ...GOOD, ...more }))

/** The key with some letters in the other case. */
const cased = (key: string, upper: ReadonlyArray<boolean>) =>
  [...key].map((letter, i) => (upper[i] ? letter.toUpperCase() : letter.toLowerCase())).join("")

describe("requests of devices", () => {
  it("that may be read in two ways are refused, naming the field", () => {
    const problem = (more: Record<string, unknown>) =>
      Either.match(register({ ...GOOD, ...more }), {
        onLeft: ({ message }) => message,
        onRight: () => "none"
      })
    expect(problem({ USERID: "cd".repeat(32) })).toBe("userId must be given once")
    expect(problem({ USERID: null, DeviceToken: "" })).toBe("none")
    const half = "a\ud800"
    const control = "must not have control characters"
    expect(problem({ deviceToken: half })).toBe("deviceToken must be well-formed Unicode")
    expect(problem({ sound: half })).toBe("sound must be well-formed Unicode")
    expect(problem({ sound: "a\0" })).toBe(`sound ${control}`)
    expect(problem({ bundleId: "a\0" })).toBe(`bundleId ${control}`)
    expect(problem({ ewsUrl: "https://mail.exa\nmple.com/EWS" })).toBe(`ewsUrl ${control}`)
    expect(problem(JSON.parse('{"__proto__": {"force": true}, "constructor": 1}'))).toBe("none")
  })

  it("are the same whatever the case of their keys, and whatever else they hold", () => {
    const full = {
      ...GOOD,
      deviceId: "d",
      ewsUrl: "https://mail.example.com/",
      exchangeVersion: "exchange2013_sp1",
      policyLimitNotificationText: 2,
      sound: "",
      pushEnvironment: "SANDBOX",
      forceSubscription: true
    }
    const expected = register(full)
    expect(Either.isRight(expected)).toBe(true)
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }),
        fc.dictionary(
          fc.string().map((key) => `x${key}`),
          fc.jsonValue()
        ),
        (upper, others) => {
          const entries = Object.entries(full).map(([key, value]) => [cased(key, upper), value])
          expect(register({ ...others, ...Object.fromEntries(entries) })).toEqual(expected)
        }
      )
    )
  })

  it("never throw, whatever JSON comes, and their refusals quote nothing of it", () => {
    const keys = fc.constantFrom(...Object.keys(GOOD), "ewsUrl", "sound", "__proto__", "constructor", "other")
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(keys, fc.jsonValue())), (json) => {
        for (const read of [register, requestReader(GetPublicKeyRequest), requestReader(UnregisterRequest)]) {
          const outcome = read(json)
          if (Either.isLeft(outcome)) {
            expect(outcome.left.message).toMatch(
              /^(the body must be a JSON object|\w+ (must|is missing|has the wrong type).*)$/
            )
          }
        }
      })
    )
    const secret = register({ ...GOOD, deviceType: "s3cret", ewsUrl: "s3cret" })
    expect(String(Either.isLeft(secret) && secret.left.message)).not.toContain("s3cret")
  })

  it("are refused when no object", () => {
    for (const json of [undefined, null, 1, "x", true, [], [GOOD]]) {
      expect(Either.isLeft(register(json)), String(json)).toBe(true)
    }
  })

  it("count null and empty as absent, but for a sound, where empty means none", () => {
    const value = valueOf({
      deviceId: "",
      ewsUrl: null,
      sound: "",
      exchangeVersion: null,
      forceSubscription: ""
    })
    expect(value).toEqual({
      ...GOOD,
      sound: "",
      policyLimitNotificationText: 1,
      pushEnvironment: "production",
      forceSubscription: false
    })
  })

  it("name Exchange's version by number or name", () => {
    EXCHANGE_VERSIONS.forEach((name, number) => {
      for (const spelling of [number, String(number), name, name.toUpperCase()]) {
        expect(valueOf({ exchangeVersion: spelling }).exchangeVersion, String(spelling)).toBe(name)
      }
    })
    for (const wrong of [-1, EXCHANGE_VERSIONS.length, 1.5, "", "2013", true].filter(
      (value) => value !== ""
    )) {
      expect(Either.isLeft(register({ ...GOOD, exchangeVersion: wrong })), String(wrong)).toBe(true)
    }
  })
})

describe("auth types", () => {
  it("are names ignoring case, or 0 to 3", () => {
    expect([0, 1, 2, 3].map(readAuthType)).toEqual(["Basic", "OAuth", "Certificate", "Dual"])
    expect(["0", " oAuth ", "CERTIFICATE", "3"].map(readAuthType)).toEqual([
      "Basic",
      "OAuth",
      "Certificate",
      "Dual"
    ])
  })

  it("are nothing else", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double(), fc.integer()), (value) => {
        const known = /^\s*([0-3]|basic|oauth|certificate|dual)\s*$/i.test(String(value))
        expect(readAuthType(value) !== undefined).toBe(known)
      })
    )
    expect(["length", "toString", "", "4", 0.5, -0.5].map(readAuthType)).toEqual(Array(6).fill(undefined))
  })
})
