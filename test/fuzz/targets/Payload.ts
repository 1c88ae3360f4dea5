import { Effect, Either } from "effect"
import type { RegisterDeviceRequest } from "../../../schemas/DeviceApi.ts"
import { userIdOfAddress } from "../../../schemas/Ids.ts"
import { readContent } from "../../../src/http/PayloadContent.ts"
import { mismatch, useFor } from "../../../src/http/RegistrationPayload.ts"
import { check, own, type Target } from "../Target.ts"

const NOW = 1_700_000_000_000
const REQUEST: RegisterDeviceRequest = {
  userId: userIdOfAddress("ann@example.com"),
  deviceToken: "t",
  deviceType: "iOS",
  bundleId: "com.example.mail",
  authType: "Basic",
  payload: "",
  ewsUrl: "https://mail.example.com/EWS/Exchange.asmx",
  policyLimitNotificationText: 1,
  pushEnvironment: "production",
  forceSubscription: false
}
const jwt = ["{}", '{"exp":1700003600}', ""].map((part) => Buffer.from(part).toString("base64url")).join(".")

/** What is inside of a registration payload, once it is decrypted. */
export const target: Target = {
  name: "payload",
  form: "json",
  words: [
    "/",
    '"',
    "{",
    "}",
    "null",
    "emailAddress",
    "accessToken",
    "1e999",
    "2026-01-01T00:00:00Z",
    ".",
    "e30",
    "\ufeff",
    "@",
    "ß",
    "İ"
  ],
  seeds: () =>
    own(
      ...[
        { emailAddress: "ann@example.com", username: "ann", password: "p", domain: "D" },
        {
          emailAddress: "Ann@Example.com",
          accessToken: jwt,
          issuedAt: "2023-11-14T22:13:20Z",
          ewsUrl: REQUEST.ewsUrl
        },
        {
          emailAddress: "ann@example.com",
          accessToken: "x",
          accessTokenExpiresAt: "2023-11-14T23:13:20Z",
          deviceToken: "t"
        },
        { emailAddress: "ann@example.com", certificate: "MIIB", certificatePassword: "", password: "p" }
      ].map((payload) => JSON.stringify(payload))
    ),
  run: (input) => {
    const payload = readContent(input.toString("utf8"))
    if (payload === undefined) return
    const wrong = mismatch(payload, REQUEST, NOW)
    check(
      wrong !== undefined || userIdOfAddress(payload.emailAddress) === REQUEST.userId,
      "who fits is the owner"
    )
    for (const authType of ["Basic", "OAuth", "Certificate", "Dual"] as const) {
      const used = Effect.runSync(Effect.either(useFor(authType, payload, NOW)))
      if (Either.isLeft(used)) check(used.left._tag === "AuthTypeMismatch", "the failure is AuthTypeMismatch")
      else if (used.right !== undefined) {
        const { tokenExpiresAt } = used.right
        check(tokenExpiresAt === null || Number.isFinite(tokenExpiresAt), "an end is a time")
      }
    }
  }
}
