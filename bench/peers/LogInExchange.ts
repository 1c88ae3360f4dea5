import { type EwsServerReady, ITEM } from "./EwsLoad.ts"
import { startExchange } from "./MailExchange.ts"

/** Answers made beforehand for who logs in by NTLM or a client certificate, as the argument says, and is checked. */
process.on("disconnect", () => process.exit())
const { ca, certificates, ewsUrl } = await startExchange(process.argv[2] === "NTLM" ? "NTLM" : "Certificate")
process.send?.({ url: ewsUrl, ca, item: ITEM, certificate: certificates[0] } satisfies EwsServerReady)
