/**
 * ENS2's response codes: what a device reads in `responseCode`, its name in logs, and the HTTP status of the answer
 * (ENS2 manual, "Response Code and Error Code Details"; contract section 2).
 */
export const ResponseCode = {
  UpdateSuccess: { code: 3, status: 200 },
  UpdateFail: { code: 4, status: 500 },
  TokenDoesNotExist: { code: 5, status: 404 },
  UserAlreadySubscribed: { code: 6, status: 200 },
  UserSubscribed: { code: 7, status: 200 },
  ErrorSubscribeOrUpdateDb: { code: 8, status: 500 },
  NoRecordExists: { code: 9, status: 404 },
  SubscribeAgain: { code: 14, status: 409 },
  UserSubscribedNotUpdatedInDb: { code: 15, status: 500 },
  FailedToGetEwsUrlFromAutoDiscovery: { code: 16, status: 409 },
  Success: { code: 17, status: 200 },
  EmailFetchfailed: { code: 21, status: 500 },
  UnauthorizedRequest: { code: 23, status: 401 },
  DeviceUnregisteredUserUnsubscribed: { code: 24, status: 200 },
  DeviceUnregistered: { code: 25, status: 200 },
  DeviceNotRegistered: { code: 26, status: 404 },
  UserSubscriptionNotFound: { code: 28, status: 404 },
  UserRecordPresentNotSubscribed: { code: 29, status: 200 },
  SubscribedNeedsUpdate: { code: 30, status: 200 },
  Failed: { code: 32, status: 400 },
  InvalidDecryptedPayload: { code: 34, status: 400 },
  EWSUrlMismatch: { code: 35, status: 409 },
  InvalidAuthType: { code: 36, status: 400 }
} as const satisfies Record<string, { readonly code: number; readonly status: number }>

export type ResponseName = keyof typeof ResponseCode
