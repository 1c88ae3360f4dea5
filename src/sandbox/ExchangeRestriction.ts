import type { StoredMail } from "./ExchangeMailbox.ts"
import { child, descend, type Element } from "./ExchangeXml.ts"

export type Matcher = (mail: StoredMail) => boolean

/**
 * What a search expression (the child of m:Restriction) lets through; undefined if it uses more than And, Or, Not and
 * comparisons of IsRead, DateTimeReceived or Subject with a constant.
 */
export const matcherOf = (expression: Element | undefined): Matcher | undefined => {
  if (expression === undefined) return undefined
  if (["And", "Or", "Not"].includes(expression.name)) {
    const parts = expression.children.map(matcherOf)
    const known = parts.filter((part) => part !== undefined)
    return known.length < parts.length || known.length === 0 ? undefined : combined(expression.name, known)
  }
  const compare = COMPARISONS[expression.name]
  const property = PROPERTIES[child(expression, "FieldURI")?.attributes["FieldURI"] ?? ""]
  const constant = descend(expression, "FieldURIOrConstant", "Constant")?.attributes["Value"]
  if (compare === undefined || property === undefined || constant === undefined) return undefined
  const wanted = property.read(constant)
  return wanted === undefined ? undefined : (mail) => compare(property.of(mail), wanted)
}

const combined =
  (operator: string, parts: ReadonlyArray<Matcher>): Matcher =>
  (mail) =>
    operator === "Or"
      ? parts.some((part) => part(mail))
      : parts.every((part) => part(mail)) === (operator === "And")

type Value = string | number

const COMPARISONS: Readonly<Record<string, (value: Value, constant: Value) => boolean>> = {
  IsEqualTo: (value, constant) => value === constant,
  IsNotEqualTo: (value, constant) => value !== constant,
  IsGreaterThan: (value, constant) => value > constant,
  IsGreaterThanOrEqualTo: (value, constant) => value >= constant,
  IsLessThan: (value, constant) => value < constant,
  IsLessThanOrEqualTo: (value, constant) => value <= constant
}

interface Property {
  readonly of: (mail: StoredMail) => Value
  /** A constant's text in the property's type; undefined if it is not of that type. */
  readonly read: (text: string) => Value | undefined
}

const PROPERTIES: Readonly<Record<string, Property>> = {
  "message:IsRead": {
    of: (mail) => Number(mail.isRead),
    read: (text) => ({ true: 1, "1": 1, false: 0, "0": 0 })[text]
  },
  "item:DateTimeReceived": {
    of: (mail) => mail.receivedAt.getTime(),
    read: (text) => (Number.isNaN(Date.parse(text)) ? undefined : Date.parse(text))
  },
  "item:Subject": { of: (mail) => mail.subject, read: (text) => text }
}
