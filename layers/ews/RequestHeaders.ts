import type { Caller } from "./HttpSessions.ts"

/** What ENS2 sends too; administrators look for it in Exchange's log. */
export const USER_AGENT = "MailNotificationService/v2 (ExchangeServicesClient/15.00.0913.015)"

/** What every request carries, by which its sender is found in Exchange's logs. */
export const tracingHeaders = (caller: Pick<Caller, "activityId">): Record<string, string> => ({
  "user-agent": USER_AGENT,
  "client-request-id": caller.activityId,
  "return-client-request-id": "true"
})

/**
 * What a Secure Email Gateway wants to know: the devices that it has to vouch for. Nothing if there is none. What would end
 * an id or the header is percent-encoded, so that an id can never stand for two.
 */
export const segHeaders = (name: string, devices: ReadonlyArray<string>): Readonly<Record<string, string>> =>
  devices.length === 0
    ? {}
    : {
        [name.toLowerCase()]: devices
          .map((id) => id.toWellFormed().replace(UNSAFE, encodeURIComponent))
          .join(",")
      }

const UNSAFE = /[^\x21-\x2b\x2d-\x7e]+/g
