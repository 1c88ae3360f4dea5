/** One element of a DER encoding (X.690), as far as this project meets them: single-byte tags, definite lengths. */
export interface DerElement {
  readonly tag: number
  /** Shares the memory of what was read. */
  readonly body: Buffer
}

/** The elements that `bytes` consists of; undefined if they are something else. Never throws. */
export const readAll = (bytes: Buffer): ReadonlyArray<DerElement> | undefined => {
  const elements: Array<DerElement> = []
  let rest = bytes
  while (rest.length > 0) {
    const next = readFirst(rest)
    if (next === undefined) return undefined
    elements.push(next.element)
    rest = next.rest
  }
  return elements
}

/** The contents of the one element that `bytes` is, if it has this tag. */
export const contents = (bytes: Buffer | undefined, tag: number): Buffer | undefined => {
  const first = bytes && readFirst(bytes)
  return first?.element.tag === tag && first.rest.length === 0 ? first.element.body : undefined
}

/** The contents of the first among these elements that has this tag. */
export const find = (elements: ReadonlyArray<DerElement> | undefined, tag: number): Buffer | undefined =>
  elements?.find((element) => element.tag === tag)?.body

export const write = (tag: number, ...bodies: ReadonlyArray<Buffer>): Buffer => {
  const body = Buffer.concat(bodies)
  const length = body.length < 0x80 ? [body.length] : longForm(body.length)
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

const readFirst = (bytes: Buffer): { readonly element: DerElement; readonly rest: Buffer } | undefined => {
  const [tag, first] = bytes
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const size = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || size > 4 || bytes.length < 2 + size) return undefined
  const length = size === 0 ? first : bytes.readUIntBE(2, size)
  const end = 2 + size + length
  return end > bytes.length
    ? undefined
    : { element: { tag, body: bytes.subarray(2 + size, end) }, rest: bytes.subarray(end) }
}

const longForm = (length: number): ReadonlyArray<number> => {
  const bytes: Array<number> = []
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256)
  return [0x80 | bytes.length, ...bytes]
}
