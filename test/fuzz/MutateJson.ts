import type { Random } from "../chaos/Random.ts"

/** Another tree of values; what is no JSON comes back as it was. */
export const mutateJson = (random: Random, bytes: Buffer): Buffer => {
  const text = bytes.toString("utf8")
  // Something may stand in front, like a head.
  const start = text.search(/[[{]/)
  if (start < 0) return bytes
  let tree: unknown
  try {
    tree = JSON.parse(text.slice(start))
  } catch {
    return bytes
  }
  if (random.happens(0.1)) {
    const depth = random.pick([10, 500, 5_000])
    const [open, close] = random.pick([
      ["[", "]"],
      ['{"a":', "}"]
    ] as const)
    return Buffer.from(text.slice(0, start) + open.repeat(depth) + text.slice(start) + close.repeat(depth))
  }
  return Buffer.from(text.slice(0, start) + JSON.stringify(changed(random, tree)))
}

const changed = (random: Random, tree: unknown): unknown => {
  if (typeof tree !== "object" || tree === null || random.happens(0.1)) return random.pick(VALUES)
  if (Array.isArray(tree)) {
    const copy: Array<unknown> = [...tree]
    const at = random.below(copy.length + 1)
    const how = random.below(3)
    if (how === 0) copy.splice(at, 0, copy[random.below(copy.length)] ?? random.pick(VALUES))
    else if (how === 1) copy.splice(at, 1)
    else copy[at] = changed(random, copy[at])
    return copy
  }
  const entries = Object.entries(tree)
  const at = random.below(entries.length + 1)
  const entry = entries[at]
  const how = random.below(8)
  if (entry === undefined || how === 0) {
    entries.push([random.pick([...entries.map(([key]) => key), ...KEYS]), random.pick(VALUES)])
  } else if (how === 1) entries.splice(at, 1)
  else if (how === 2) entries[at] = [cased(random, entry[0]), entry[1]]
  else entries[at] = [entry[0], changed(random, entry[1])]
  return Object.fromEntries(entries)
}

const cased = (random: Random, key: string): string =>
  [...key].map((letter) => (random.happens(0.5) ? letter.toUpperCase() : letter.toLowerCase())).join("")

const KEYS = ["__proto__", "constructor", "toString", "", "length", "ſ", "İ", "\0"]
const VALUES: ReadonlyArray<unknown> = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e21,
  Number.MAX_SAFE_INTEGER + 2,
  "",
  " ",
  "\0",
  "\ud800",
  "true",
  "3",
  "0",
  "a".repeat(64),
  "A".repeat(5_000),
  "x,y\r\nz: 1",
  "https://mail.example.com/EWS/Exchange.asmx",
  "https://a:b@mail.example.com/",
  "javascript:alert(1)",
  "file:///etc/passwd",
  [],
  {},
  [[]],
  { __proto__: null },
  ["a"]
]
