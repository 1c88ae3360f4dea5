import { Effect } from "effect"
import type { Platform, PushTarget } from "../../schemas/Push.ts"
import type { PerApp, SettingsShape } from "../../schemas/Settings.ts"
import { PushSetupError } from "./PushSetupError.ts"

/** What a platform application of SNS sends through: Apple, Apple's sandbox, or Google (FCM). */
export type SnsKind = "APNS" | "APNS_SANDBOX" | "GCM"

/** A platform application: what SNS knows of an app. */
export interface SnsPlatform {
  readonly arn: string
  readonly kind: SnsKind
  /** The setting that names it. */
  readonly setting: string
  /** How the ARNs of its endpoints begin. */
  readonly endpoints: string
}

/** The platform applications that the settings name. */
export interface SnsPlatforms {
  readonly region: string
  /** How many there are. */
  readonly size: number
  readonly all: ReadonlyArray<SnsPlatform>
  /** The one of the device's app, or the reason why the device can get nothing through any. */
  readonly of: (target: PushTarget) => SnsPlatform | string
}

/**
 * Reads the ARNs of each platform that `ENS_PUSH` gives to SNS; there must be at least one. They are of one region, which
 * `ENS_SNS_REGION` need not repeat.
 */
export const read = Effect.fnUntraced(function* ({
  push,
  sns
}: Pick<SettingsShape, "push" | "sns">): Effect.fn.Return<SnsPlatforms, PushSetupError> {
  const ios = push.ios === "sns" ? yield* readRow("iOS", sns.ios) : NONE
  const android = push.android === "sns" ? yield* readRow("Android", sns.android) : NONE
  const all = new Map([...rowOf(ios), ...rowOf(android)].map((platform) => [platform.arn, platform]))
  const regions = new Set([
    ...(sns.region === undefined ? [] : [sns.region]),
    ...[...all.keys()].map(regionOf)
  ])
  const [region = "", other] = regions
  if (other !== undefined)
    return yield* problem(
      `everything must be in one AWS region, but ENS_SNS_REGION and the platform ARNs name ${[...regions].join(" and ")}`
    )
  return {
    region,
    size: all.size,
    all: [...all.values()],
    of: ({ bundleId, environment, platform }) => {
      const row = platform === "iOS" ? ios : android
      const found = row.apps.get(bundleId) ?? row.otherwise
      if (found === undefined) return `${SETTINGS[platform]} names no platform application for this app`
      // Apple would call the token bad, and SNS disable its endpoint. The other way round it is tried: a device is
      // `production` also when it does not say.
      return found.kind === "APNS" && environment === "sandbox"
        ? `${found.setting} names a platform application for production, and the app is a sandbox one`
        : found
    }
  }
})

interface Row {
  readonly otherwise: SnsPlatform | undefined
  readonly apps: ReadonlyMap<string, SnsPlatform>
}

const NONE: Row = { otherwise: undefined, apps: new Map() }

const rowOf = ({ apps, otherwise }: Row) => [...(otherwise ? [otherwise] : []), ...apps.values()]

const SETTINGS: { readonly [P in Platform]: string } = {
  iOS: "ENS_SNS_PLATFORM_ARN_IOS",
  Android: "ENS_SNS_PLATFORM_ARN_ANDROID"
}

const KINDS: { readonly [P in Platform]: ReadonlyArray<string> } = {
  iOS: ["APNS", "APNS_SANDBOX"],
  Android: ["GCM"]
}

const readRow = Effect.fnUntraced(function* (
  platform: Platform,
  { apps, otherwise }: PerApp
): Effect.fn.Return<Row, PushSetupError> {
  if (otherwise === undefined && apps.size === 0)
    return yield* problem(
      `${SETTINGS[platform]} must name a platform application (kind ${KINDS[platform].join(" or ")}) that was made in SNS, or ENS_PUSH another gateway for ${platform}`
    )
  const read = new Map<string, SnsPlatform>()
  for (const [app, arn] of apps) read.set(app, yield* readArn(platform, arn))
  return { otherwise: otherwise === undefined ? undefined : yield* readArn(platform, otherwise), apps: read }
})

const readArn = (platform: Platform, arn: string): Effect.Effect<SnsPlatform, PushSetupError> => {
  const [, start, kind = "", name] = ARN.exec(arn) ?? []
  return KINDS[platform].includes(kind)
    ? Effect.succeed({
        arn,
        kind: kind as SnsKind,
        setting: SETTINGS[platform],
        endpoints: `${start}endpoint/${kind}/${name}/`
      })
    : problem(
        `${SETTINGS[platform]} must be ARNs of platform applications, like arn:aws:sns:eu-central-1:123456789012:app/${KINDS[platform][0]}/name; ${JSON.stringify(arn)} is none`
      )
}

const ARN = /^(arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:)app\/(APNS|APNS_SANDBOX|GCM)\/([\w.-]{1,256})$/
const regionOf = (arn: string) => arn.split(":")[3] ?? ""

const problem = (text: string) => Effect.fail(new PushSetupError({ gateway: "sns", problem: text }))
