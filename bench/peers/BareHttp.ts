import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { ANSWER_CONTENT_TYPE, answerOf } from "../../layers/ews/SubscriptionStatus.ts"
import { serveBench } from "./BenchServer.ts"

/**
 * The least that can answer Exchange with Node: reads the body to its end, looks at nothing, says OK. As tuned as ours
 * (one write for headers and body), so that the ratio measures what ENS does and not how it writes.
 */
const body = answerOf("OK").toString("latin1")
const headers = ["Content-Type", ANSWER_CONTENT_TYPE, "Content-Length", String(body.length)]

const server = createServer((request, response) => {
  request.resume()
  request.on("end", () => {
    response.writeHead(200, headers)
    response.end(body, "latin1")
  })
})
server.keepAliveTimeout = 120_000
server.listen(0, "127.0.0.1", () => serveBench((server.address() as AddressInfo).port))
