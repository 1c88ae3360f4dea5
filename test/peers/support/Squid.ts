import { execFileSync } from "node:child_process"
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { passwordFile } from "./Apache.ts"
import { freePorts, isRoot, peerDirectory, runPeer } from "./RealPeer.ts"

/** What must be installed for `squid`. */
export const SQUID_FILES = ["/usr/sbin/squid", "/usr/lib/squid/basic_ncsa_auth", "/usr/bin/ntlm_auth"]

/** Who may use the proxies that want a log-in; with NTLM any name with this password (Samba's helper knows one). */
export const PROXY_USER = { user: "puser", password: "Pr0xyP@ss", domain: "CONTOSO" } as const

/** One squid, ports by the log-in that they want. */
export interface Squid {
  readonly open: number
  readonly basic: number
  readonly ntlm: number
  /** NTLM and Basic. */
  readonly both: number
}

/** `ports`: where CONNECT may go; others are answered with 403. */
export const squid = (ports: ReadonlyArray<number>): Effect.Effect<Squid, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* peerDirectory("squid")
    const [open = 0, basic = 0, ntlm = 0, both = 0] = yield* freePorts(4)
    const on = { open, basic, ntlm, both }
    writeFileSync(join(directory, "basic.users"), passwordFile({ [PROXY_USER.user]: PROXY_USER.password }))
    writeFileSync(join(directory, "squid.conf"), configuration(directory, on, ports))
    chmodSync(directory, 0o755)
    // Started as root, squid becomes `proxy`, who writes logs here.
    if (isRoot) execFileSync("chown", ["-R", "proxy:", directory])
    yield* runPeer({
      command: "/usr/sbin/squid",
      args: ["--foreground", "-f", join(directory, "squid.conf")],
      cwd: directory,
      ports: [open, basic, ntlm, both]
    })
    return on
  })

const configuration = (directory: string, on: Squid, ports: ReadonlyArray<number>) => `
pid_filename ${directory}/squid.pid
cache_log ${directory}/cache.log
access_log none
coredump_dir ${directory}
pinger_enable off
cache deny all
${isRoot ? "cache_effective_user proxy" : ""}
visible_hostname proxy.test
shutdown_lifetime 0 seconds
connect_timeout 2 seconds
workers 1
http_port 127.0.0.1:${on.open} name=open
http_port 127.0.0.1:${on.basic} name=basic
http_port 127.0.0.1:${on.ntlm} name=ntlm
http_port 127.0.0.1:${on.both} name=both
auth_param ntlm program /usr/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp --username=${PROXY_USER.user} --domain=${PROXY_USER.domain} --password=${PROXY_USER.password}
auth_param ntlm children 2 startup=1
auth_param basic program /usr/lib/squid/basic_ncsa_auth ${directory}/basic.users
auth_param basic children 1
auth_param basic realm proxy
acl p_open myportname open
acl p_basic myportname basic
acl p_ntlm myportname ntlm
acl p_both myportname both
acl authed proxy_auth REQUIRED
acl tls_ports port ${ports.join(" ")}
auth_schemes basic p_basic
auth_schemes ntlm p_ntlm
auth_schemes ntlm,basic p_both
http_access deny !tls_ports
http_access allow p_open
http_access allow p_basic authed
http_access allow p_ntlm authed
http_access allow p_both authed
http_access deny all
`
