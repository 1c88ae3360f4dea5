import type { Random } from "../chaos/Random.ts"

/** A piece of DER, taken apart as far as it goes. */
interface Node {
  tag: number
  /** Of a constructed one, or of an octet string that holds one. */
  children: Array<Node> | undefined
  body: Buffer
}

/** Another tree, with the lengths that belong to it; what is no DER comes back as it was. */
export const mutateDer = (random: Random, bytes: Buffer): Buffer => {
  const roots = read(bytes, 0)
  if (roots === undefined) return bytes
  const all: Array<{ readonly list: Array<Node>; readonly at: number }> = []
  collect(roots, all)
  if (all.length === 0) return bytes
  const { at, list } = random.pick(all)
  const node = list[at]!
  switch (random.below(8)) {
    case 0:
      list.splice(at, 1)
      break
    case 1:
      list.splice(at, 0, node)
      break
    case 2: {
      const other = random.pick(all)
      const { body, tag } = other.list[other.at] ?? node
      // Without children: it may be what this one is in.
      list[at] = { tag, body, children: undefined }
      break
    }
    case 3:
      list[at] = { ...node, tag: random.pick(TAGS) }
      break
    case 4:
      list[at] = { tag: node.tag, children: undefined, body: random.pick(BODIES) }
      break
    case 5: {
      const body = Buffer.from(node.body)
      if (body.length > 0) body[random.below(body.length)] = random.below(256)
      list[at] = { tag: node.tag, children: undefined, body }
      break
    }
    case 6: {
      let wrapped = node
      for (let depth = random.pick([1, 5, 40, 400]); depth > 0; depth--) {
        wrapped = { tag: random.pick([0x30, 0x24, 0xa0]), children: [wrapped], body: NOTHING }
      }
      list[at] = wrapped
      break
    }
    default: {
      const count = Math.min(random.pick([10, 1_000]), Math.ceil(50_000 / (node.body.length + 2)))
      list.splice(at, 0, ...Array<Node>(count).fill({ ...node, children: undefined }))
    }
  }
  const written = write(roots, 0)
  return written.length > 200_000 ? bytes : written
}

const read = (bytes: Buffer, depth: number): Array<Node> | undefined => {
  const nodes: Array<Node> = []
  let at = 0
  while (at < bytes.length) {
    const [tag, first] = [bytes[at], bytes[at + 1]]
    if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
    const size = first < 0x80 ? 0 : first & 0x7f
    if (first === 0x80 || size > 4 || at + 2 + size > bytes.length) return undefined
    const start = at + 2 + size
    const end = start + (size === 0 ? first : bytes.readUIntBE(at + 2, size))
    if (end > bytes.length) return undefined
    const body = bytes.subarray(start, end)
    const nests = ((tag & 0x20) !== 0 || tag === 0x04) && depth < 40 && body.length > 0
    nodes.push({ tag, body, children: nests ? read(body, depth + 1) : undefined })
    at = end
  }
  return nodes
}

const collect = (
  list: Array<Node>,
  all: Array<{ readonly list: Array<Node>; readonly at: number }>
): void => {
  for (const [at, node] of list.entries()) {
    all.push({ list, at })
    if (node.children !== undefined) collect(node.children, all)
  }
}

const write = (nodes: ReadonlyArray<Node>, depth: number): Buffer =>
  Buffer.concat(
    nodes.flatMap((node) => {
      const body = node.children === undefined || depth > 500 ? node.body : write(node.children, depth + 1)
      const length = body.length
      const head =
        length < 0x80 ? [length] : length < 0x10000 ? [0x82, length >> 8, length & 0xff] : undefined
      const long = Buffer.from([0x84, 0, 0, 0, 0])
      if (head === undefined) long.writeUInt32BE(length, 1)
      return [Buffer.from([node.tag]), head === undefined ? long : Buffer.from(head), body]
    })
  )

const NOTHING = Buffer.alloc(0)
const TAGS = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x30, 0x31, 0x24, 0xa0, 0xa1, 0xa2, 0x80, 0x60, 0x1f, 0
]
const BODIES = [
  NOTHING,
  Buffer.from([0]),
  Buffer.from([0xff]),
  Buffer.from([1]),
  Buffer.from([3]),
  Buffer.from([0x27, 0x10]),
  Buffer.from([0x4e, 0x1f]),
  Buffer.from([0x03, 0x0d, 0x3f]),
  Buffer.from([0x7f, 0xff, 0xff, 0xff]),
  Buffer.alloc(9, 0xff),
  Buffer.alloc(300, 0x41)
]
