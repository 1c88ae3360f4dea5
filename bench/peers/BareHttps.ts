import { readFileSync } from "node:fs"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { bareAnswer } from "./BareAnswer.ts"
import { serveBench } from "./BenchServer.ts"

/** `bareAnswer` over TLS as Node speaks it by default. Arguments: files of certificate and key. */
const [certFile = "", keyFile = ""] = process.argv.slice(2)
const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, bareAnswer)
server.keepAliveTimeout = 120_000
server.listen(0, "127.0.0.1", () => serveBench((server.address() as AddressInfo).port))
