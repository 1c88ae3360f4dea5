import { createServer, request as forward, type IncomingHttpHeaders, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/**
 * What stands in front of several nodes: each request goes to the first of these ports, and to the next one if that is not
 * there, says 503, or says nothing for so long (ms). Gives its own port; it is gone with the scope.
 */
export const loadBalancer = (ports: ReadonlyArray<number>, patience: number) =>
  Effect.acquireRelease(
    Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
      const server = createServer((incoming, response) => {
        const parts: Array<Buffer> = []
        incoming.on("data", (part: Buffer) => parts.push(part))
        incoming.on("end", async () => {
          let answer: Answer | undefined
          for (const port of ports) {
            answer = await ask(port, incoming, Buffer.concat(parts), patience).catch(() => undefined)
            if (answer !== undefined && answer.status !== 503) break
          }
          response.writeHead(answer?.status ?? 503, {
            "content-type": answer?.headers["content-type"] ?? "text/plain"
          })
          response.end(answer?.body)
        })
      })
      server.listen(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            port: (server.address() as AddressInfo).port,
            close: () => {
              server.close()
              server.closeAllConnections()
            }
          })
        )
      )
    }),
    ({ close }) => Effect.sync(close)
  )

const ask = (
  port: number,
  { headers, method, url }: IncomingMessage,
  body: Buffer,
  patience: number
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { connection: _, "transfer-encoding": __, ...passed } = headers
    const outgoing = forward(
      {
        port,
        host: "127.0.0.1",
        method,
        path: url,
        headers: { ...passed, "content-length": body.length },
        agent: false
      },
      (answer) => {
        const parts: Array<Buffer> = []
        answer.on("data", (part: Buffer) => parts.push(part))
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) })
        )
        answer.on("error", reject)
      }
    )
    outgoing.setTimeout(patience, () => outgoing.destroy(new Error("no answer")))
    outgoing.on("error", reject)
    outgoing.end(body)
  })
