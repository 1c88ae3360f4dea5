import { SaxesParser } from "saxes"

/** Larger files are not read. The certificate has some 4 KB. */
export const CONFIG_XML_MAX = 1024 * 1024

/** More than one certificate is possible; this many are tried. */
const FOUND_MAX = 16

/** Shorter texts are no PKCS#12 file with a key and a certificate. */
const SHORTEST = 400

/** What is found in a `config.xml`, or why it cannot be read. */
export type FoundInXml =
  | { readonly _tag: "Found"; readonly texts: ReadonlyArray<string> }
  | { readonly _tag: "Unreadable"; readonly problem: string }

/**
 * The long base64 texts of the console's `config.xml`, in order. The file's form is not public, so the certificate is known
 * by its content: an attribute's value, or the text of an element without children in it, of 400 characters or more, that is
 * base64 but for white space. UTF-8 and UTF-16 are read; a document type is refused, because it may define entities.
 */
export const findInXml = (bytes: Buffer): FoundInXml => {
  const parser = new SaxesParser({ position: false })
  const texts: Array<string> = []
  let problem = "it is no well-formed XML"
  let text = ""
  const keep = (candidate: string) => {
    const base64 = candidate.replace(/\s+/g, "")
    if (base64.length >= SHORTEST && /^[A-Za-z0-9+/]+={0,2}$/.test(base64) && texts.length < FOUND_MAX)
      texts.push(base64)
  }
  // Without an error handler saxes throws at the first one: text that is nothing but errors would take a second.
  parser.on("doctype", () => {
    problem = "it has a document type, which config.xml has not"
    throw new Error(problem)
  })
  parser.on("opentag", ({ attributes }) => {
    text = ""
    for (const value of Object.values(attributes)) keep(value)
  })
  parser.on("text", (more) => {
    text += more
  })
  parser.on("cdata", (more) => {
    text += more
  })
  parser.on("closetag", () => {
    keep(text)
    text = ""
  })
  try {
    parser.write(decoded(bytes)).close()
  } catch {
    return { _tag: "Unreadable", problem }
  }
  return { _tag: "Found", texts }
}

/** By the byte order mark; Windows writes UTF-16 as well. */
const decoded = (bytes: Buffer): string => {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? "utf-16le"
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? "utf-16be"
        : "utf-8"
  return new TextDecoder(encoding, { fatal: true }).decode(bytes)
}
