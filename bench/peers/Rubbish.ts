/** Requests that mean nothing, ready to be written: no path, no token, no JSON, no MAC, too much. */
export const rubbishFor = (target: string): ReadonlyArray<Buffer> => {
  const { length } = target
  const forged = `${target.slice(0, length - 8)}AAAAAAAA`
  return [
    request("GET", "/wp-login.php"),
    request("GET", "/.env"),
    request("POST", forged, "<x/>", "text/xml"),
    request("POST", "/api/ens/pushnotificationlistener?id=7", "<x/>", "text/xml"),
    request("POST", "/api/ens/getpublickey", "{}", JSON_TYPE, { ENSAPIToken: "no such token" }),
    request("POST", "/api/ens/getpublickey", "{"),
    request("POST", "/api/ens/registerdevicev2", '{"userId":', JSON_TYPE, { ENSAPIToken: "x".repeat(43) }),
    request("POST", "/api/ens/getsubscriptionstatus", "[".repeat(2_000)),
    request("PUT", "/api/ens/unregister", "null"),
    // Its body never comes: what counts is that nobody waits for it.
    request("POST", "/api/ens/getpublickey", "", JSON_TYPE, { "Content-Length": "9999999" })
  ].map((text) => Buffer.from(text, "latin1"))
}

const JSON_TYPE = "application/json"

const request = (
  method: string,
  path: string,
  body = "",
  type = JSON_TYPE,
  more: Readonly<Record<string, string>> = {}
): string => {
  const headers: Readonly<Record<string, string>> = {
    Host: "ens.example.com",
    "Content-Type": type,
    "Content-Length": `${body.length}`,
    ...more
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`
}
