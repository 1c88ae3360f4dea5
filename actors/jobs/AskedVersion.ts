import { EXCHANGE_VERSIONS, type ExchangeVersion } from "../../schemas/EwsMessage.ts"

/** Asked for while nothing is known: every Exchange since 2010 SP1 speaks it, and a server that is older says so. */
export const DEFAULT_VERSION: ExchangeVersion = "Exchange2010_SP1"

/**
 * The version to ask for from now on. What a device chose stays. The default, chosen or not, gives way to what the servers
 * that answered all speak, because only newer versions know previews; never to more, because a server refuses what is too
 * new for it.
 */
export const askedVersion = (
  asked: ExchangeVersion,
  spoken: ReadonlyArray<ExchangeVersion | undefined>
): ExchangeVersion => {
  if (asked !== DEFAULT_VERSION) return asked
  const [lowest] = spoken.filter((version) => version !== undefined).toSorted((a, b) => age(a) - age(b))
  return lowest ?? asked
}

const age = (version: ExchangeVersion) => EXCHANGE_VERSIONS.indexOf(version)
