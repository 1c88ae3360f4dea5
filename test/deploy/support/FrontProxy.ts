import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { freePorts, isRoot, peerDirectory, runPeer } from "../../peers/support/RealPeer.ts"
import { selfSigned } from "../../support/SelfSigned.ts"
import { syslog } from "./Syslog.ts"

const ROOT = join(import.meta.dirname, "../../..")

/** A file of `deploy/` as it is shipped. */
export const shipped = (path: string): string => readFileSync(join(ROOT, "deploy", path), "utf8")

/** A proxy in front of services on this machine. Who it serves may be known only when its own port is. */
export interface FrontProxy {
  readonly port: number
  /** PEM: who signed its certificate. */
  readonly ca: string
  /** Everything that it has written so far, to whatever log. */
  readonly logs: () => string
  /** Starts it, with the shipped file but for ports, paths, and `changes`. Ends with the scope. */
  readonly start: (changes: Changes) => Effect.Effect<void, never, Scope.Scope>
}

/** Text of the shipped file, and what stands in its place. Each has to be there. */
export type Changes = ReadonlyArray<readonly [shipped: string, here: string]>

/** Makes a proxy ready to be started. */
export type MakeProxy = Effect.Effect<FrontProxy, never, Scope.Scope>

export const NGINX_FILES = ["/usr/sbin/nginx"]
export const HAPROXY_FILES = ["/usr/sbin/haproxy"]

/** nginx with deploy/nginx/ens.conf. Its own log is as talkative as it can be without a debug build. */
export const nginx: MakeProxy = Effect.gen(function* () {
  const { ca, directory, port } = yield* place("nginx")
  for (const name of ["log", "temp"]) mkdirSync(join(directory, name), { mode: 0o777 })
  const start = Effect.fnUntraced(function* (changes: Changes) {
    const site = changed(shipped("nginx/ens.conf"), [
      ["listen 443 ssl", `listen 127.0.0.1:${port} ssl`],
      ["/etc/nginx/ens/fullchain.pem", join(directory, "cert.pem")],
      ["/etc/nginx/ens/key.pem", join(directory, "key.pem")],
      ["/var/log/nginx/", `${directory}/log/`],
      ...changes
    ])
    writeFileSync(join(directory, "ens.conf"), site)
    const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${directory}/temp/${name};`
    )
    writeFileSync(
      join(directory, "nginx.conf"),
      [
        ...(isRoot ? ["user root;"] : []),
        `pid ${directory}/nginx.pid;`,
        `error_log ${directory}/log/main.log info;`,
        "daemon off;",
        "worker_processes 1;",
        "events { worker_connections 256; }",
        `http { ${temp.join(" ")} include ${directory}/ens.conf; }`
      ].join("\n")
    )
    yield* runPeer({
      command: "/usr/sbin/nginx",
      args: ["-p", directory, "-e", join(directory, "log/start.log"), "-c", join(directory, "nginx.conf")],
      cwd: directory,
      ports: [port]
    })
  })
  return { port, ca, logs: () => filesUnder(join(directory, "log")), start }
})

/** HAProxy with one of deploy/haproxy; its log goes to a syslog server of the test. */
export const haproxy = (file = "haproxy.cfg"): MakeProxy =>
  Effect.gen(function* () {
    const { ca, directory, port } = yield* place("haproxy")
    const log = yield* syslog
    const start = Effect.fnUntraced(function* (changes: Changes) {
      writeFileSync(
        join(directory, "haproxy.cfg"),
        changed(shipped(`haproxy/${file}`), [
          ["bind :443", `bind 127.0.0.1:${port}`],
          ["/etc/haproxy/ens.pem", join(directory, "both.pem")],
          ["log /dev/log local0", `log 127.0.0.1:${log.port} len 16384 local0`],
          ...changes
        ])
      )
      yield* runPeer({
        command: "/usr/sbin/haproxy",
        args: ["-db", "-f", join(directory, "haproxy.cfg")],
        cwd: directory,
        ports: [port]
      })
    })
    return { port, ca, logs: log.text, start }
  })

/** A place for the proxy's files, with a certificate. */
const place = Effect.fnUntraced(function* (name: string) {
  const directory = yield* peerDirectory(name)
  const [port = 0] = yield* freePorts(1)
  const { cert, key } = selfSigned("127.0.0.1")
  writeFileSync(join(directory, "cert.pem"), cert)
  writeFileSync(join(directory, "key.pem"), key, { mode: 0o600 })
  writeFileSync(join(directory, "both.pem"), cert + key, { mode: 0o600 })
  return { directory, port, ca: cert }
})

const changed = (text: string, changes: Changes): string =>
  changes.reduce((now, [from, to]) => {
    if (!now.includes(from)) throw new Error(`the shipped file has no longer: ${from}`)
    return now.replaceAll(from, to)
  }, text)

const filesUnder = (directory: string): string =>
  existsSync(directory)
    ? readdirSync(directory)
        .map((name) => join(directory, name))
        .filter((path) => statSync(path).isFile())
        .map((path) => readFileSync(path, "utf8"))
        .join("\n")
    : ""
