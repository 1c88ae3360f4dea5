import { FastCheck as fc } from "effect"

/** How a server writes its callbacks: everything that does not change their meaning. */
export interface CallbackStyle {
  readonly prolog: string
  readonly soap: string
  readonly messages: string
  readonly types: string
  readonly gap: string
  readonly declaredOnTop: boolean
  readonly swapped: boolean
  readonly cdata: boolean
  readonly header: boolean
}

export interface CallbackValues {
  readonly subscriptionId: string
  readonly previousWatermark: string | undefined
  readonly watermark: string | undefined
}

const M = "http://schemas.microsoft.com/exchange/services/2006/messages"
const T = "http://schemas.microsoft.com/exchange/services/2006/types"

/** A heartbeat in that style. */
export const heartbeat = (style: CallbackStyle, values: CallbackValues): string => {
  const { gap, messages: m, soap: s, types: t } = style
  const content = (text: string) => (style.cdata ? `<![CDATA[${text}]]>` : text)
  const declared = [`xmlns:${m}="${M}"`, `xmlns:${t}='${T}'`]
  const here = (style.swapped ? declared.reverse() : declared).join(" ")
  const element = (name: string, text: string | undefined) =>
    text === undefined ? "" : `<${name}>${content(text)}</${name}>${gap}`
  return [
    style.prolog,
    `<${s}:Envelope xmlns:${s}="http://schemas.xmlsoap.org/soap/envelope/" ${style.declaredOnTop ? here : ""}>`,
    style.header
      ? `<${s}:Header><${t}:RequestServerVersion xmlns:${t}="${T}" Version="Exchange2016" /></${s}:Header>`
      : "",
    `<${s}:Body><${m}:SendNotification ${style.declaredOnTop ? "" : here}>`,
    `<${m}:ResponseMessages><${m}:SendNotificationResponseMessage ResponseClass="Success">`,
    `${element(`${m}:ResponseCode`, "NoError")}<${m}:Notification>`,
    element(`${t}:SubscriptionId`, values.subscriptionId),
    element(`${t}:PreviousWatermark`, values.previousWatermark),
    `<${t}:MoreEvents>false</${t}:MoreEvents><${t}:StatusEvent>`,
    `${element(`${t}:Watermark`, values.watermark)}</${t}:StatusEvent>`,
    `</${m}:Notification></${m}:SendNotificationResponseMessage></${m}:ResponseMessages>`,
    `</${m}:SendNotification></${s}:Body></${s}:Envelope>`
  ].join(gap)
}

const prefix = fc.constantFrom("a", "t", "m", "s", "soap", "soap11", "types", "x-1", "ä")
const gap = fc.constantFrom("", " ", "\n    ", "\r\n\t", "<!-- heartbeat -->", "<?pi a?>")
const id = fc.base64String({ minLength: 4, maxLength: 80 })
const watermark = fc.option(id, { nil: undefined, freq: 8 })

export const styles: fc.Arbitrary<CallbackStyle> = fc
  .record({
    prolog: fc.constantFrom(
      "",
      '<?xml version="1.0" encoding="utf-8"?>',
      "\uFEFF",
      "\n<?xml version='1.0'?>\n"
    ),
    prefixes: fc.uniqueArray(prefix, { minLength: 3, maxLength: 3 }),
    gap,
    declaredOnTop: fc.boolean(),
    swapped: fc.boolean(),
    cdata: fc.boolean(),
    header: fc.boolean()
  })
  .map(({ prefixes, ...style }) => ({
    ...style,
    soap: prefixes[0]!,
    messages: prefixes[1]!,
    types: prefixes[2]!
  }))

export const values: fc.Arbitrary<CallbackValues> = fc.record({
  subscriptionId: id,
  previousWatermark: watermark,
  watermark
})

/** The bytes with a few places changed, removed or doubled, as a broken wire or a hostile sender would have it. */
export const mutated = (bytes: Uint8Array): fc.Arbitrary<Buffer> =>
  fc
    .array(
      fc.record({
        at: fc.nat(Math.max(0, bytes.length - 1)),
        length: fc.integer({ min: 0, max: 40 }),
        put: fc.oneof(
          fc.constantFrom(
            "<",
            ">",
            "&",
            "]]>",
            "<!--",
            "-->",
            "<![CDATA[",
            '"',
            "/",
            ":",
            "&#65;",
            "Status",
            " "
          ),
          fc.base64String({ maxLength: 12 })
        )
      }),
      { minLength: 1, maxLength: 3 }
    )
    .map((edits) =>
      edits.reduce(
        (text, edit) =>
          Buffer.concat([
            text.subarray(0, edit.at),
            Buffer.from(edit.put),
            text.subarray(edit.at + edit.length)
          ]),
        Buffer.from(bytes)
      )
    )
