import { randomBytes } from "node:crypto"
import type { Server } from "node:tls"
import { Effect, type Scope } from "effect"

const AGE = "1 hour"
/** Bytes, as Node wants them. */
const KEY = 48

/**
 * Seals the tickets with which clients resume their sessions with a new key each hour, until the scope closes. Whoever finds
 * the key opens what TLS 1.2 said in connections that were resumed with it, and Node has one for as long as it runs: this way
 * there is nothing to find of earlier hours. Clients with an older ticket do a whole handshake.
 */
export const renewTicketKeys = (
  server: Pick<Server, "setTicketKeys">
): Effect.Effect<void, never, Scope.Scope> => {
  const renew = Effect.sync(() => {
    const key = randomBytes(KEY)
    server.setTicketKeys(key)
    key.fill(0)
  })
  return Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.delay(renew, AGE))))
}
