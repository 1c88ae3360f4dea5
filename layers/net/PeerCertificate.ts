import { X509Certificate } from "node:crypto"
import type { Socket } from "node:net"
import { TLSSocket } from "node:tls"

/**
 * The certificate that the server has shown on a connection; undefined without TLS, after the end, and on a resumed session.
 * Not `getPeerX509Certificate`, which takes the certificate away (Node 24), so that the next who asks gets another of the
 * chain or none.
 */
export const peerCertificateOf = (socket: Socket): X509Certificate | undefined => {
  const raw: Buffer | undefined =
    socket instanceof TLSSocket && !socket.destroyed ? socket.getPeerCertificate()?.raw : undefined
  return raw && new X509Certificate(raw)
}
