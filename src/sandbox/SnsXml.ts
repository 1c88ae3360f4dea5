import { randomUUID } from "node:crypto"
import type { OutgoingHttpHeaders } from "node:http"
import type { HttpAct } from "./HttpAct.ts"

/** SNS's form of an error. */
export const snsError = (
  status: number,
  code: string,
  message = "by script",
  headers: OutgoingHttpHeaders = {}
): HttpAct => ({
  status,
  headers,
  body: `<ErrorResponse ${NAMESPACE}><Error><Type>${status < 500 ? "Sender" : "Receiver"}</Type><Code>${code}</Code><Message>${message}</Message></Error>${requestId()}</ErrorResponse>`
})

/** SNS's form of an answer; `result` is the inside of its result. */
export const snsResult = (action: string, result: string): HttpAct => ({
  body: `<${action}Response ${NAMESPACE}><${action}Result>${result}</${action}Result><ResponseMetadata>${requestId()}</ResponseMetadata></${action}Response>`
})

const NAMESPACE = `xmlns="http://sns.amazonaws.com/doc/2010-03-31/"`

const requestId = (): string => `<RequestId>${randomUUID()}</RequestId>`
