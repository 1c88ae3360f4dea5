import { samples } from "../support/EwsSamples.ts"
import type { Seed } from "./Target.ts"

/** Real messages of servers whose file names fit; none where they are missing. Nothing that comes of them is kept. */
export const realMessages = (
  names: RegExp,
  made: (message: Buffer) => Buffer = (message) => message
): ReadonlyArray<Seed> =>
  samples.names(names).map((name) => ({ bytes: made(samples.read(name)), own: false }))

export const XML_WORDS: ReadonlyArray<string> = [
  "<",
  ">",
  "/>",
  "</",
  "&",
  "&amp;",
  "]]>",
  "<!--",
  "-->",
  "<![CDATA[",
  "<?xml version='1.0' encoding='utf-16'?>",
  "<!DOCTYPE html>",
  "\ufeff",
  "xmlns=",
  "xmlns:t='http://schemas.microsoft.com/exchange/services/2006/types'",
  "xmlns:m='http://schemas.microsoft.com/exchange/services/2006/messages'",
  "m:",
  "t:",
  "s:Header",
  "s:Body",
  "Id=",
  "ResponseClass='Error'",
  "ErrorServerBusy",
  "NoError",
  "\0"
]
