import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import { child, type SoapElement, TYPES } from "./SoapReader.ts"
import { count } from "./XsdValues.ts"

/**
 * The highest version that may be asked of the server which wrote this SOAP header, by Major.Minor of its
 * `ServerVersionInfo` (FACTS section 7); undefined if it does not say, or is older than all that we know.
 */
export const serverVersion = (header: SoapElement | undefined): ExchangeVersion | undefined => {
  const info = child(header, TYPES, "ServerVersionInfo")
  const major = count(info?.attributes.get("MajorVersion"))
  const minor = count(info?.attributes.get("MinorVersion"))
  if (major === undefined || minor === undefined) return undefined
  return SPOKEN.find(
    ([fromMajor, fromMinor]) => major > fromMajor || (major === fromMajor && minor >= fromMinor)
  )?.[2]
}

/** 2013's service packs do not differ in Major.Minor, and what SP1 added is not needed. */
const SPOKEN: ReadonlyArray<readonly [major: number, minor: number, ExchangeVersion]> = [
  [15, 1, "Exchange2016"],
  [15, 0, "Exchange2013"],
  [14, 2, "Exchange2010_SP2"],
  [14, 1, "Exchange2010_SP1"],
  [14, 0, "Exchange2010"],
  [8, 1, "Exchange2007_SP1"]
]
