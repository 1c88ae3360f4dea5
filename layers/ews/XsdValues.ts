/**
 * Values of XML Schema types as EWS sends them. What is absent or unreadable is undefined: no received number or time is
 * worth refusing a document for.
 */

/** `xs:dateTime` in milliseconds since 1970; EWS times are UTC, also where the zone is missing (FACTS section 4). */
export const dateTime = (text: string | undefined): number | undefined => {
  const match = text === undefined ? null : DATE_TIME.exec(text)
  if (match === null) return undefined
  const milliseconds = Date.parse(match[1] === undefined ? `${match[0]}Z` : match[0])
  return Number.isNaN(milliseconds) ? undefined : milliseconds
}

/** A count: a whole number that is not negative. */
export const count = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\+?[0-9]{1,10}$/.test(text)) return undefined
  return Number(text)
}

/** `xs:boolean`. */
export const boolean = (text: string | undefined): boolean | undefined =>
  text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : undefined

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(Z|[+-]\d\d:\d\d)?$/
