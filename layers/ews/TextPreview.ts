import type { Mail } from "../../schemas/EwsMessage.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import type { FoundMails } from "./MailReader.ts"

/** A preview is as long as Exchange makes one itself; UTF-16 units. */
const PREVIEW_MAX = 255
/** Bytes of the largest mail whose text is asked for. */
const SIZE_MAX = 64 * 1024
/** Mails whose text is asked for in one call, so that the answer stays within what is read of one. */
const MAILS_MAX = 10
/** Units of a text that are looked at: more white space than this does not precede a text worth showing. */
const TEXT_MAX = 16 * 1024

/** Which mails' text bodies to ask for: those without a preview, small, and not read yet. */
export const wantText = ({ mails, sizes }: FoundMails): ReadonlyArray<ItemId> =>
  mails
    .filter(({ isRead, itemId, preview }) => {
      const size = sizes.get(itemId)
      return preview === undefined && !isRead && size !== undefined && size <= SIZE_MAX
    })
    .slice(0, MAILS_MAX)
    .map(({ itemId }) => itemId)

/** The mails with the beginnings of their texts as previews. */
export const withPreviews = (
  mails: ReadonlyArray<Mail>,
  texts: ReadonlyMap<ItemId, string>
): ReadonlyArray<Mail> =>
  mails.map((mail) => {
    const text = texts.get(mail.itemId)
    return text === undefined ? mail : { ...mail, preview: previewOf(text) }
  })

/** The beginning of a text in one line, cut between characters as humans count them; undefined if nothing is there. */
export const previewOf = (text: string): string | undefined => {
  const line = text.slice(0, TEXT_MAX).replace(/\s+/g, " ").trim()
  if (line.length <= PREVIEW_MAX) return line.toWellFormed() || undefined
  let end = 0
  for (const { index, segment } of CHARACTERS.segment(line.slice(0, 2 * PREVIEW_MAX))) {
    if (index + segment.length > PREVIEW_MAX) break
    end = index + segment.length
  }
  return line
    .slice(0, end || PREVIEW_MAX)
    .toWellFormed()
    .trimEnd()
}

const CHARACTERS = new Intl.Segmenter("und", { granularity: "grapheme" })
