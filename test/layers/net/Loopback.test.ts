import { expect, it } from "@effect/vitest"
import { isLoopback } from "../../../layers/net/Loopback.ts"

it.each([
  ["http://localhost:8080/", true],
  ["http://LOCALHOST/", true],
  ["http://127.0.0.1/", true],
  ["http://127.9.9.9:1/", true],
  ["http://0x7f.1/", true],
  ["http://[::1]:8080/", true],
  ["http://[::ffff:127.0.0.1]/", true],
  ["http://ens.localhost/", false],
  ["http://localhost.example.com/", false],
  ["http://127.0.0.1.example.com/", false],
  ["http://0.0.0.0/", false],
  ["http://[::]/", false],
  ["http://10.0.0.1/", false]
])("%s is on this machine only: %s", (url, expected) => {
  expect(isLoopback(new URL(url))).toBe(expected)
})
