import { readFileSync } from "node:fs"
import { join } from "node:path"

/** The project's root directory. */
export const ROOT = join(import.meta.dirname, "../..")

/** A file of the project as text; the path is from the root. */
export const readDocument = (path: string): string => readFileSync(join(ROOT, path), "utf8")

/** A fenced block: ```` ```language use ````. */
export interface Block {
  readonly language: string
  /** What the block is for, the second word of its first line; "" = to be read only. */
  readonly use: string
  readonly text: string
}

/** All fenced blocks, in order. */
export const blocksOf = (markdown: string): ReadonlyArray<Block> =>
  [...markdown.matchAll(/^```(\w*) ?(\w*)\n(.*?)^```$/gms)].map(([, language = "", use = "", text = ""]) => ({
    language,
    use,
    text
  }))

/** Something to run, and what the document says that it answers. */
export interface Example {
  readonly script: string
  /** undefined: nothing is said. */
  readonly answer: string | undefined
}

/** Blocks marked `run`, each with the block marked `answer` behind it. */
export const examplesOf = (markdown: string): ReadonlyArray<Example> => {
  const blocks = blocksOf(markdown)
  return blocks.flatMap(({ use, text }, i) => {
    const next = blocks[i + 1]
    return use === "run" ? [{ script: text, answer: next?.use === "answer" ? next.text : undefined }] : []
  })
}

/** The pattern of a documented answer: `…` stands for any text, at least one character; the rest for itself. */
export const patternOf = (answer: string): RegExp =>
  new RegExp(`^${answer.trim().split("…").map(literally).join(".+?")}$`, "s")

const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** Targets of links and pictures that are files of the project, without anchors. */
export const filesLinked = (markdown: string): ReadonlyArray<string> =>
  [...markdown.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^\w+:/.test(target))

/** Links to headings: the file ("" = the same one) and the anchor. */
export const headingsLinked = (markdown: string): ReadonlyArray<readonly [file: string, anchor: string]> =>
  [...markdown.matchAll(/\]\(([^)#\s]*)#([^)\s]+)\)/g)]
    .map(([, file = "", anchor = ""]) => [file, anchor] as const)
    .filter(([file]) => !/^\w+:/.test(file))

/** The anchors of all headings, as GitHub makes them. */
export const anchorsOf = (markdown: string): ReadonlySet<string> =>
  new Set(
    [...markdown.replace(/^```.*?^```$/gms, "").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_\- ]/gu, "")
        .replaceAll(" ", "-")
    )
  )
