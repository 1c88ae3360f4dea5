import { expect, it } from "@effect/vitest"
import { ENDPOINTS_MAX, SnsEndpoints } from "../../../layers/push/SnsEndpoints.ts"
import type { SnsPlatform } from "../../../layers/push/SnsPlatforms.ts"
import type { UserNumber } from "../../../schemas/Ids.ts"
import type { PushTarget } from "../../../schemas/Push.ts"
import { notification } from "../../support/Notifications.ts"

const start = "arn:aws:sns:eu-central-1:123456789012"
const platform = (name: string): SnsPlatform => ({
  arn: `${start}:app/APNS/${name}`,
  kind: "APNS",
  setting: "ENS_SNS_PLATFORM_ARN_IOS",
  endpoints: `${start}:endpoint/APNS/${name}/`
})
const endpoint = (name: string, registeredAt = 0) => ({
  arn: `${start}:endpoint/APNS/${name}/1`,
  registeredAt
})
const target = (n: number, more: Partial<PushTarget> = {}): PushTarget => ({
  ...notification(n).target,
  ...more
})

it("what was remembered is newer than what comes with the device", () => {
  const endpoints = new SnsEndpoints()
  const stored = target(1, { endpoint: endpoint("mail", 1) })
  expect(endpoints.known(stored, platform("mail"))).toEqual(endpoint("mail", 1))
  endpoints.remember(stored, platform("mail"), endpoint("mail", 2))
  expect(endpoints.known(stored, platform("mail"))).toEqual(endpoint("mail", 2))
  endpoints.forget(stored, platform("mail"))
  expect(endpoints.known(stored, platform("mail"))).toEqual(endpoint("mail", 1))
})

it("belongs to one token, platform application and user", () => {
  const endpoints = new SnsEndpoints()
  const user = (number: string) => ({ user: number as UserNumber })
  endpoints.remember(target(1, user("7")), platform("mail"), endpoint("mail"))
  expect(endpoints.known(target(1, user("8")), platform("mail"))).toBeUndefined()
  expect(endpoints.known(target(2, user("7")), platform("mail"))).toBeUndefined()
  expect(endpoints.known(target(1, user("7")), platform("other"))).toBeUndefined()
  expect(endpoints.known(target(1, { endpoint: endpoint("mail") }), platform("mai"))).toBeUndefined()
})

it("remembers only so many, the latest", () => {
  const endpoints = new SnsEndpoints()
  for (let n = 0; n <= ENDPOINTS_MAX; n++)
    endpoints.remember(target(n), platform("mail"), endpoint("mail", n))
  expect(endpoints.known(target(0), platform("mail"))).toBeUndefined()
  expect(endpoints.known(target(1), platform("mail"))).toEqual(endpoint("mail", 1))
  expect(endpoints.known(target(ENDPOINTS_MAX), platform("mail"))).toEqual(endpoint("mail", ENDPOINTS_MAX))
})
