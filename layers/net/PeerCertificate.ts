import { X509Certificate } from "node:crypto"
import type { Socket } from "node:net"
import { TLSSocket } from "node:tls"

/** Certificates that Node has told of: asking for one again takes a good part of a handshake. */
const told = new WeakMap<Socket, Buffer>()

/** The server has shown this certificate (DER) on the connection. */
export const rememberPeerCertificate = (socket: Socket, certificate: Buffer): void => {
  told.set(socket, certificate)
}

/** The certificate that the server has shown on a connection; undefined without TLS, after the end, and on a resumed session. */
export const peerCertificateOf = (socket: Socket): X509Certificate | undefined => {
  const raw = rawPeerCertificateOf(socket)
  return raw && new X509Certificate(raw)
}

/**
 * The same as DER. Not by `getPeerX509Certificate`, which takes the certificate away (Node 24), so that the next who asks gets
 * another of the chain or none.
 */
export const rawPeerCertificateOf = (socket: Socket): Buffer | undefined =>
  socket instanceof TLSSocket && !socket.destroyed
    ? (told.get(socket) ?? socket.getPeerCertificate()?.raw)
    : undefined
