/** An endpoint of a platform application: a phone, as SNS knows it. */
export interface SnsEndpoint {
  readonly arn: string
  /** What it is sent through: APNS, APNS_SANDBOX or GCM. */
  readonly kind: string
  token: string
  /** SNS disables it when Apple or Google refuses its token, and then sends it nothing. */
  enabled: boolean
  /** Set by others than ENS, in whose way it then stands. */
  readonly userData: string
}

/** The endpoints that SNS has. */
export class SnsEndpoints {
  /** By ARN, in the order in which they were made. */
  readonly all = new Map<string, SnsEndpoint>()
  #last = 0

  /** The one of this platform application for the token. */
  find(platformArn: string, token: string): SnsEndpoint | undefined {
    const start = startOf(platformArn)
    for (const endpoint of this.all.values())
      if (endpoint.token === token && endpoint.arn.startsWith(start)) return endpoint
    return undefined
  }

  /** Makes one; the oldest goes when there are too many. */
  add(platformArn: string, token: string, userData = ""): SnsEndpoint {
    for (const oldest of this.all.keys()) {
      if (this.all.size < ENDPOINTS_MAX) break
      this.all.delete(oldest)
    }
    this.#last += 1
    const arn = `${startOf(platformArn)}${this.#last}`
    const endpoint = { arn, kind: platformArn.split("/")[1] ?? "", token, enabled: true, userData }
    this.all.set(arn, endpoint)
    return endpoint
  }
}

const ENDPOINTS_MAX = 10_000

const startOf = (platformArn: string): string => `${platformArn.replace(":app/", ":endpoint/")}/`
