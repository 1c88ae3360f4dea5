import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { bareAnswer } from "./BareAnswer.ts"
import { serveBench } from "./BenchServer.ts"

/** `bareAnswer` over plain HTTP. */
const server = createServer(bareAnswer)
server.keepAliveTimeout = 120_000
server.listen(0, "127.0.0.1", () => serveBench((server.address() as AddressInfo).port))
