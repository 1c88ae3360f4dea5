import { CONFIG_XML_MAX, findInXml } from "../../../layers/push/CnsConfigXml.ts"
import { configXml } from "../../support/CnsConfigXml.ts"
import { XML_WORDS } from "../Samples.ts"
import { check, checkWords, own, type Target } from "../Target.ts"

/** The console's config.xml with the certificate in it. */
export const target: Target = {
  name: "config-xml",
  form: "xml",
  words: [...XML_WORDS, "A".repeat(400), "="],
  seeds: () => {
    const text = configXml(Buffer.alloc(600, 1), Buffer.alloc(350, 200))
    return own(
      text,
      Buffer.from(`\ufeff${text}`, "utf16le"),
      `<a cert="${Buffer.alloc(400, 9).toString("base64")}"><b><![CDATA[${Buffer.alloc(400, 8).toString("base64")}]]></b></a>`
    )
  },
  run: (input) => {
    if (input.length > CONFIG_XML_MAX) return
    const found = findInXml(input)
    if (found._tag === "Unreadable") {
      checkWords(found.problem, "the problem", 100)
      return
    }
    check(found.texts.length <= 16, "texts are bounded")
    for (const text of found.texts)
      check(/^[A-Za-z0-9+/]{400,}={0,2}$|^[A-Za-z0-9+/]{398,}==?$/.test(text), "a text is base64")
  }
}
