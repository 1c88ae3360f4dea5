import type { IncomingMessage, ServerResponse } from "node:http"
import { ANSWER_CONTENT_TYPE, answerOf } from "../../layers/ews/SubscriptionStatus.ts"

const body = answerOf("OK").toString("latin1")
const headers = ["Content-Type", ANSWER_CONTENT_TYPE, "Content-Length", String(body.length)]

/**
 * The least that can answer Exchange with Node: reads the body to its end, looks at nothing, says OK. As tuned as ours
 * (one write for headers and body), so that the ratio measures what ENS does and not how it writes. It limits no time and
 * no size, as nobody could let it face the world: ENS's limits (`PublicListener`) are a part of what is measured.
 */
export const bareAnswer = (request: IncomingMessage, response: ServerResponse): void => {
  request.resume()
  request.on("end", () => {
    response.writeHead(200, headers)
    response.end(body, "latin1")
  })
}
