import type { HttpAnswer } from "./SoapAnswer.ts"

/** The code of the first error in an answer's SOAP; undefined if it tells none. Looked for in the bytes, since reading all twice would be dear. */
export const refusalIn = ({ body, status }: HttpAnswer): string | undefined => {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const at = status === 500 ? 0 : bytes.indexOf(REFUSAL)
  if (at < 0) return undefined
  const text = bytes.toString("latin1", at, at + CODE_WITHIN)
  return /ResponseCode[^<>]{0,200}>([A-Za-z0-9_.]{1,80})</.exec(text)?.[1]
}

const REFUSAL = Buffer.from('ResponseClass="Error"')
/** Bytes: message texts stand between. */
const CODE_WITHIN = 8192
