import { type Element, parseXml } from "../../../../src/sandbox/ExchangeXml.ts"

/** Paths of all elements of a document, with namespaces, each once and sorted; undefined if it is not well-formed. */
export const pathsOf = (xml: string): ReadonlyArray<string> | undefined => {
  const root = parseXml(xml.trim())
  if (root === undefined) return undefined
  const paths = new Set<string>()
  const visit = (element: Element, above: string) => {
    const path = `${above}/{${element.namespace}}${element.name}`
    paths.add(path)
    for (const child of element.children) visit(child, path)
  }
  visit(root, "")
  return [...paths].sort()
}
