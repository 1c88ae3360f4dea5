/**
 * Waits until the service says that it is ready, or that it stands by: `node WaitUntilReady.ts URL`, the admin listener's
 * `/readyz`. After 90 s it says so on standard error and ends all the same, because a service that is loading must not be
 * killed for it. Always ends with code 0: whether the service lives is systemd's own business.
 */
const [url = "http://127.0.0.1:8081/readyz"] = process.argv.slice(2)
const end = performance.now() + 90_000

const state = async (): Promise<string> => {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) })
    const { ready, role } = (await answer.json()) as { readonly ready?: boolean; readonly role?: string }
    return ready === true ? "ready" : role === "standby" ? "standby" : "not ready yet"
  } catch {
    return "no answer yet"
  }
}

let last = await state()
while (last !== "ready" && last !== "standby" && performance.now() < end) {
  await new Promise((resolve) => setTimeout(resolve, 200))
  last = await state()
}
if (last !== "ready" && last !== "standby")
  process.stderr.write(`ens: ${last} (${url}); it goes on by itself\n`)
