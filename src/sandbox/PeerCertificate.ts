import type { Socket } from "node:net"
import { TLSSocket } from "node:tls"

/**
 * Names under which a directory may know the holder of a connection's client certificate: addresses and user principal
 * names of its subject alternative names, then its common name.
 */
export const namesOfPeer = (socket: Socket): ReadonlyArray<string> => {
  if (!(socket instanceof TLSSocket)) return []
  const { subjectaltname = "", subject } = socket.getPeerCertificate()
  const alternative = subjectaltname.match(/[^\s:,"]+@[^\s:,"]+/g) ?? []
  return [...alternative, ...[subject?.CN ?? []].flat()]
}
