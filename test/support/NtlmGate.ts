import { randomBytes } from "node:crypto"
import { Either } from "effect"
import { challenge, isNegotiate, type LoggedIn, verify } from "../../layers/net/NtlmServer.ts"
import type { ReceivedRequest, Step } from "./ScriptedServer.ts"

/** Lets requests pass on connections whose client has logged in by NTLM, as IIS does. */
export interface NtlmGate {
  readonly step: Step
  /** Who logged in, in order; the reason where somebody was refused. */
  readonly logIns: Array<LoggedIn | string>
  /** Every connection is a stranger's again. */
  readonly forget: () => void
}

export interface NtlmGateOptions {
  readonly scheme?: "NTLM" | "Negotiate"
  /** Values of `WWW-Authenticate` for who has not logged in; by default the scheme. */
  readonly offers?: Array<string>
  readonly passwordOf: (user: string, domain: string) => string | undefined
}

/** `then` is what the requests that pass get. */
export const ntlmGate = (options: NtlmGateOptions, then: Step): NtlmGate => {
  const scheme = options.scheme ?? "NTLM"
  const logIns: Array<LoggedIn | string> = []
  const dialogues = new Map<number, { readonly negotiate: Buffer; readonly challenge: Buffer }>()
  const known = new Set<number>()

  const messageIn = ({ headers }: ReceivedRequest): Buffer => {
    const [name = "", token = ""] = (headers.authorization ?? "").split(" ")
    const bytes = name === scheme ? Buffer.from(token, "base64") : Buffer.alloc(0)
    // Whatever SPNEGO has around it.
    return bytes.subarray(Math.max(bytes.indexOf("NTLMSSP\0"), 0))
  }

  return {
    logIns,
    forget: () => known.clear(),
    step: (response, request) => {
      const message = messageIn(request)
      const refuse = (values: Array<string>) => {
        response.writeHead(401, { "www-authenticate": values }).end("<html>not authorised</html>")
      }
      if (isNegotiate(message)) {
        const answer = challenge({
          serverChallenge: randomBytes(8),
          netbiosDomain: "CONTOSO",
          netbiosComputer: "EXCH01",
          now: Date.now()
        })
        known.delete(request.connection)
        dialogues.set(request.connection, { negotiate: message, challenge: answer })
        return refuse([`${scheme} ${answer.toString("base64")}`])
      }
      const dialogue = dialogues.get(request.connection)
      dialogues.delete(request.connection)
      if (message.length > 0 && dialogue !== undefined) {
        const outcome = verify(message, { ...dialogue, passwordOf: options.passwordOf })
        logIns.push(Either.merge(outcome))
        if (Either.isRight(outcome)) known.add(request.connection)
      }
      if (known.has(request.connection)) then(response, request)
      else refuse(options.offers ?? [scheme])
    }
  }
}
