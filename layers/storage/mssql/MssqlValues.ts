import { type Request, TYPES } from "tedious"

/** A column of an answer, as far as values are concerned. */
export interface MssqlColumn {
  readonly value: unknown
  readonly metadata: { readonly colName: string; readonly type: { readonly name: string } }
}

/**
 * Binds @1, @2, … by the values' types: string NVARCHAR, integral number and bigint BIGINT, other number FLOAT, boolean
 * BIT, bytes VARBINARY, null NVARCHAR. Anything else throws. Declared lengths are the same for all values (4,000
 * characters, 8,000 bytes or MAX), so that a statement has few plans and not one per length.
 */
export const bind = (request: Request, values: ReadonlyArray<unknown>): void => {
  values.forEach((value, index) => {
    bindOne(request, String(index + 1), value)
  })
}

export const bindOne = (request: Request, name: string, value: unknown): void => {
  if (value === null) return request.addParameter(name, TYPES.NVarChar, null, { length: 4000 })
  switch (typeof value) {
    case "string":
      return request.addParameter(name, TYPES.NVarChar, value, { length: Math.max(4000, value.length) })
    case "boolean":
      return request.addParameter(name, TYPES.Bit, value)
    case "bigint":
      if (BigInt.asIntN(64, value) !== value) throw new RangeError(`@${name} does not fit into BIGINT`)
      return request.addParameter(name, TYPES.BigInt, value)
    case "number":
      if (Number.isSafeInteger(value)) return request.addParameter(name, TYPES.BigInt, BigInt(value))
      if (!Number.isFinite(value) || Number.isInteger(value))
        throw new RangeError(`@${name} is not an exact number`)
      return request.addParameter(name, TYPES.Float, value)
  }
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    return request.addParameter(name, TYPES.VarBinary, bytes, { length: Math.max(8000, bytes.length) })
  }
  throw new TypeError(`@${name} is no string, number, bigint, boolean, bytes or null`)
}

/**
 * BIGINT arrives as text. It becomes a number; one that a number cannot hold throws. Bytes are copied: what the driver
 * gives is a view of everything that came with it.
 */
export const valueOf = ({ value, metadata }: MssqlColumn): unknown => {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (typeof value !== "string" || !INTEGERS.has(metadata.type.name)) return value
  const number = Number(value)
  if (!Number.isSafeInteger(number))
    throw new RangeError(`column ${metadata.colName} holds an integer above 2^53`)
  return number
}

const INTEGERS: ReadonlySet<string> = new Set(["BigInt", "IntN"])
