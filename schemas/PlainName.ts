/** Characters at most. */
const LENGTH_MAX = 100

/**
 * A name that people give to something, without blanks around it; undefined if it cannot be one. It stands in logs, tables
 * and audits, so nothing in it may break a line, steer a terminal, or make text run backwards over what stands beside it.
 */
export const plainName = (text: string): string | undefined => {
  const trimmed = text.trim()
  return trimmed !== "" && trimmed.length <= LENGTH_MAX && !UNPLAIN.test(trimmed) ? trimmed : undefined
}

const UNPLAIN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u
