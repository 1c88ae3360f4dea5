import { isIP } from "node:net"
import { Duration, Either, Option, Redacted } from "effect"
import type { CnsSettings, PerApp, PerHost, Rate } from "../../schemas/Settings.ts"

/** Reads one setting's text; a `Left` says what the text must be, to be shown after the setting's name. */
export type Parse<A> = (text: string) => Either.Either<A, string>

export const text: Parse<string> = Either.right

export const oneOf =
  <const A extends string>(...values: ReadonlyArray<A>): Parse<A> =>
  (text) => {
    const found = values.find((value) => value.toLowerCase() === text.toLowerCase())
    return found === undefined ? Either.left(`must be one of ${values.join(", ")}`) : Either.right(found)
  }

export const integer =
  (min: number, max: number): Parse<number> =>
  (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max
      ? Either.right(value)
      : Either.left(`must be a whole number from ${min} to ${max}`)
  }

/** A number of minutes, fractions allowed (they make rehearsals short). */
export const minutes =
  (max: number): Parse<number> =>
  (text) => {
    const value = /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN
    return value >= MINUTES_MIN && value <= max
      ? Either.right(value)
      : Either.left(
          `must be a number of minutes from ${MINUTES_MIN} (60 ms) to ${max}; fractions are allowed`
        )
  }

const MINUTES_MIN = 0.001

/** `3 seconds`, `10 minutes`; answers milliseconds. */
export const duration =
  (min: Duration.Duration, max: Duration.Duration): Parse<number> =>
  (text) => {
    const [, amount = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text) ?? []
    const plural = unit.toLowerCase().replace(/s?$/, "s")
    const read = Duration.decodeUnknown(`${amount} ${plural}`)
    return Option.isSome(read) &&
      Duration.greaterThanOrEqualTo(read.value, min) &&
      Duration.lessThanOrEqualTo(read.value, max)
      ? Either.right(Duration.toMillis(read.value))
      : Either.left(
          `must be a duration from ${durationText(min)} to ${durationText(max)}, like "3 seconds" or "10 minutes"`
        )
  }

/** The same, or `never`: undefined. */
export const durationOrNever = (
  min: Duration.Duration,
  max: Duration.Duration
): Parse<number | undefined> => {
  const some = duration(min, max)
  return (text) =>
    text.toLowerCase() === "never"
      ? Either.right(undefined)
      : Either.mapLeft(
          some(text),
          () =>
            `must be a duration from ${durationText(min)} to ${durationText(max)}, like "90 days", or never`
        )
}

export const durationOrNeverText = (millis: number | undefined): string =>
  millis === undefined ? "never" : durationText(millis)

/** A duration as `duration` reads it: `10 seconds`. */
export const durationText = (length: Duration.DurationInput): string => {
  const millis = Duration.toMillis(length)
  const [unit, size] = UNITS.find(([, size]) => millis >= size && millis % size === 0) ?? ["milli", 1]
  return `${millis / size} ${unit}${millis === size && unit !== "milli" ? "" : "s"}`
}

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000]
] as const

/** `500 kB`, `100 MB`, `2 GB` (1 kB = 1024 bytes), or `never`; answers bytes. */
export const sizeOrNever =
  (min: number, max: number): Parse<number | undefined> =>
  (text) => {
    if (text.toLowerCase() === "never") return Either.right(undefined)
    const [, amount = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text) ?? []
    const bytes =
      Number(amount) * (SIZES.find(([name]) => name.toLowerCase() === unit.toLowerCase())?.[1] ?? 0)
    return bytes >= min && bytes <= max
      ? Either.right(Math.round(bytes))
      : Either.left(`must be a size from ${sizeText(min)} to ${sizeText(max)}, like "100 MB", or never`)
  }

export const sizeOrNeverText = (bytes: number | undefined): string =>
  bytes === undefined ? "never" : sizeText(bytes)

const sizeText = (bytes: number): string => {
  const [unit, size] = SIZES.find(([, size]) => bytes >= size && bytes % size === 0) ?? ["bytes", 1]
  return `${bytes / size} ${unit}`
}

const SIZES = [
  ["TB", 1024 ** 4],
  ["GB", 1024 ** 3],
  ["MB", 1024 ** 2],
  ["kB", 1024],
  ["bytes", 1]
] as const

/** `10/second`, `60/minute burst 120`, or `off`: undefined. Without a burst, `count` may come at once. */
export const rateOrOff: Parse<Rate | undefined> = (text) => {
  if (text.toLowerCase() === "off") return Either.right(undefined)
  const [, count, unit = "", burst] = /^(\d{1,7})\s*\/\s*([a-z]+)(?:\s+burst\s+(\d{1,7}))?$/i.exec(text) ?? []
  const per = RATE_UNITS.find(([name]) => name === unit.toLowerCase())?.[1]
  const rate = { count: Number(count), per: per ?? 0, burst: Number(burst ?? count) }
  return per !== undefined && rate.count > 0 && rate.burst > 0
    ? Either.right(rate)
    : Either.left('must be a rate like "10/second" or "60/minute burst 120" (second, minute, hour), or off')
}

export const rateOrOffText = (rate: Rate | undefined): string => {
  if (rate === undefined) return "off"
  const unit = RATE_UNITS.find(([, per]) => per === rate.per)?.[0]
  return `${rate.count}/${unit}${rate.burst === rate.count ? "" : ` burst ${rate.burst}`}`
}

const RATE_UNITS = [
  ["second", 1000],
  ["minute", 60_000],
  ["hour", 3_600_000]
] as const

/** Items between commas; empty ones are dropped. */
export const list =
  <A>(item: Parse<A>): Parse<ReadonlyArray<A>> =>
  (text) =>
    Either.all(
      text
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== "")
        .map(item)
    )

/** `/a/b` without a trailing slash; a missing leading slash is added. */
export const path: Parse<string> = (text) => {
  // Looked behind, lest each of many slashes in a row is a beginning.
  const trimmed = `/${text.replace(/^\/+|(?<!\/)\/+$/g, "")}`
  return /^(\/[A-Za-z0-9._~-]+)+$/.test(trimmed)
    ? Either.right(trimmed)
    : Either.left("must be URL paths like /api/ens, separated by commas")
}

/** A host name, an IP address, or a CIDR; lower case. */
export const hostOrCidr: Parse<string> = (text) => {
  const [address = "", bits, ...more] = text.toLowerCase().split("/")
  const family = isIP(address)
  const isCidr = more.length === 0 && bits !== undefined && /^\d+$/.test(bits)
  const valid =
    family === 0
      ? bits === undefined && /^(?=.{1,253}$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/.test(address)
      : bits === undefined || (isCidr && Number(bits) <= (family === 4 ? 32 : 128))
  return valid
    ? Either.right(text.toLowerCase())
    : Either.left(
        "must be host names, IP addresses or CIDRs separated by commas, like mail.example.com,10.1.0.0/16 (no https://, no port)"
      )
}

/** An IP address or a CIDR; lower case. */
export const addressOrCidr: Parse<string> = (text) =>
  Either.filterOrLeft(
    hostOrCidr(text),
    (value) => isIP(value.split("/")[0] ?? "") !== 0,
    () => "must be IP addresses or CIDRs separated by commas, like 192.0.2.7,10.1.0.0/16"
  ).pipe(
    Either.mapLeft(() => "must be IP addresses or CIDRs separated by commas, like 192.0.2.7,10.1.0.0/16")
  )

/** Items like `auto,host=basic`: one value for all hosts, and values for some. */
export const perHost =
  <A>(value: Parse<A>, otherwise: A): Parse<PerHost<A>> =>
  (text) => {
    const hosts = new Map<string, A>()
    let general = otherwise
    for (const part of text.split(",").map((item) => item.trim())) {
      if (part === "") continue
      const [, host, word = ""] = /^(?:([^=]+)=)?([^=]*)$/.exec(part) ?? []
      const read = value(word.trim())
      if (Either.isLeft(read)) return Either.left(`${read.left}; or host=value for some hosts`)
      if (host === undefined) general = read.right
      else hosts.set(host.trim().toLowerCase(), read.right)
    }
    return Either.right({ otherwise: general, hosts })
  }

/** As `perHost` reads it. */
export const perHostText = ({ hosts, otherwise }: PerHost<string>): string =>
  [otherwise, ...[...hosts].map(([host, value]) => `${host}=${value}`)].join(",")

/** `value`, or `bundleId=value` for some apps, separated by commas. */
export const perApp: Parse<PerApp> = (text) => {
  const apps = new Map<string, string>()
  let otherwise: string | undefined
  for (const part of text.split(",").map((item) => item.trim())) {
    if (part === "") continue
    const [, app, value = ""] = /^(?:([A-Za-z0-9.-]+)=)?(.*)$/.exec(part) ?? []
    if (value === "")
      return Either.left("must be a value, or bundleId=value for each app, separated by commas")
    if (app === undefined) otherwise = value
    else apps.set(app, value)
  }
  return Either.right({ otherwise, apps })
}

/** As `perApp` reads it. */
export const perAppText = ({ apps, otherwise }: PerApp): string =>
  [
    ...(otherwise === undefined ? [] : [otherwise]),
    ...[...apps].map(([app, value]) => `${app}=${value}`)
  ].join(",")

/** A SHA-256 fingerprint: 64 hexadecimal digits, colons allowed. */
export const fingerprint: Parse<string> = (text) => {
  const digits = text.replaceAll(":", "").toLowerCase()
  return /^[0-9a-f]{64}$/.test(digits)
    ? Either.right(digits)
    : Either.left("must be SHA-256 fingerprints (64 hexadecimal digits), separated by commas")
}

/** What stands between `CMSURL` and the signature, and the digest: `'1,sha256`. */
export const cms: Parse<CnsSettings["cms"]> = (text) => {
  const [, separator, digest] = /^(['`]\d),(sha1|sha256)$/i.exec(text) ?? []
  return separator !== undefined && digest !== undefined
    ? Either.right({ separator, digest: digest.toLowerCase() as CnsSettings["cms"]["digest"] })
    : Either.left("must be separator and digest, like '1,sha256 or `1,sha1")
}

/** RFC 9110 section 5.1. */
export const headerName: Parse<string> = (text) =>
  /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(text)
    ? Either.right(text)
    : Either.left("must be the name of an HTTP header")

/** An absolute http or https URL. */
export const httpUrl: Parse<string> = (text) => {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
    ? Either.right(url.href)
    : Either.left("must be http or https URLs without user name, separated by commas")
}

/** An absolute http or https URL without user, query or fragment; answered without a trailing slash. */
export const webUrl: Parse<URL> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.username === "" &&
    url.password === "" &&
    url.search === "" &&
    url.hash === ""
    ? Either.right(url)
    : Either.left("must be an http or https URL without user name, query or fragment")
}

/** `name=value,…`, values percent-encoded (opentelemetry.io, "OTLP Exporter Configuration"). */
export const otelHeaders: Parse<Redacted.Redacted<string>> = (text) => {
  const isHeader = ([name, value]: readonly [string, string]) =>
    /^[!#$%&'*+.^_`|~\w-]+$/.test(name) && /^[\x20-\x7e]*$/.test(value)
  return pairs(text)?.every(isHeader)
    ? Either.right(Redacted.make(text))
    : Either.left("must be name=value, several separated by commas")
}

/** The same, of attributes. */
export const otelAttributes: Parse<Readonly<Record<string, string>>> = (text) => {
  const found = pairs(text)
  return found === undefined
    ? Either.left("must be name=value, several separated by commas")
    : Either.right(Object.fromEntries(found))
}

export const otelAttributesText = (attributes: Readonly<Record<string, string>>): string =>
  Object.entries(attributes)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join(",")

const pairs = (text: string): ReadonlyArray<readonly [string, string]> | undefined => {
  const found = text
    .split(",")
    .map(pairOf)
    .map(([name, value]) => [name, decoded(value)] as const)
  return found.every(([name, value]) => name !== "" && value !== undefined)
    ? (found as ReadonlyArray<readonly [string, string]>)
    : undefined
}

/** No name: it is no pair. By hand, since an expression takes quadratic time for many blanks. */
const pairOf = (part: string): readonly [name: string, value: string] => {
  const equals = part.indexOf("=")
  const name = part.slice(0, Math.max(0, equals)).trim()
  const value = part.slice(equals + 1).trim()
  return /^\S+$/.test(name) && !/[\n\r\u2028\u2029]/.test(value) ? [name, value] : ["", ""]
}

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** From 0 to 1. */
export const share: Parse<number> = (text) => {
  const value = Number(text)
  return value >= 0 && value <= 1 ? Either.right(value) : Either.left("must be a number from 0 to 1")
}
