import { isIP } from "node:net"
import { checkServerIdentity, getCACertificates, type TLSSocket } from "node:tls"
import type { Connection } from "tedious"

/** Whom to trust besides those whom the system trusts. `ca`: PEM text. */
export const trusting = (ca: string) => ({ ca: [...getCACertificates(), ca] })

/**
 * An address is no name that TLS may ask for (RFC 6066 §3), so Node warns of it on the terminal. Here the driver asks for
 * none, and the certificate is checked afterwards, before anything is sent: that it is trusted, and for this address.
 */
export const withoutNamingAddresses = (io: Connection["messageIo"]): void => {
  const start = io.startTls.bind(io)
  io.startTls = async (details, host, trustAll) => {
    if (isIP(host) === 0) return start(details, host, trustAll)
    await start(details, "", true)
    if (!trustAll) verify(io.securePair?.cleartext, host)
  }
}

const verify = (socket: TLSSocket | undefined, address: string): void => {
  if (socket === undefined) throw new Error("the certificate of the server is not known")
  // Node compared it with a name that nobody gave; only this complaint is none.
  const complaint = socket.authorizationError as unknown
  if (!socket.authorized && complaint !== "ERR_TLS_CERT_ALTNAME_INVALID")
    throw new Error(`the certificate of the server is not trusted (${String(complaint)})`)
  const wrong = checkServerIdentity(address, socket.getPeerCertificate(true))
  if (wrong !== undefined) throw wrong
}
