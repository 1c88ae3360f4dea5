import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import type { Pki } from "./Pki.ts"
import { freePorts, isRoot, peerDirectory, runPeer } from "./RealPeer.ts"

const MODULES = "/usr/lib/apache2/modules"

/** What must be installed for `apache`. */
export const APACHE_FILES = [
  "/usr/sbin/apache2",
  `${MODULES}/mod_auth_gssapi.so`,
  "/etc/gss/mech.d/mech.ntlmssp.conf"
]

/**
 * Apache over TLS in front of an HTTP server of the test, which sees the logged-in user as `X-Remote-User` (UTF-8 bytes)
 * and a certificate's subject as `X-Client-DN`, but no `Authorization`. Paths: `/open/`, `/basic/`, `/ntlm/` (offers
 * Negotiate and NTLM, as Exchange does), `/nego/` (Negotiate alone), `/both/` (Basic and NTLM), `/bearer/`; what follows
 * goes to the backend.
 */
export interface Apache {
  /** `https://127.0.0.1:…` with an RSA certificate. */
  readonly rsa: string
  /** With a P-256 certificate. */
  readonly ec: string
  /** Lets nobody in without a certificate of the PKI. */
  readonly mutual: string
  /** A line for each request: number of those before it on its connection, path, status, `Authorization`. */
  readonly accessLog: string
}

/** Who may log in with what. gss-ntlmssp finds no non-ASCII user names, and takes domains only as they are written here. */
export const USERS = {
  alice: { domain: "CONTOSO", password: "P@ssw0rd!" },
  bob: { domain: "CONTOSO.TEST", password: "B0b-Secret" },
  carol: { domain: "", password: "C@rol1" },
  dave: { domain: "CONTOSO", password: "Grüße-Ünïcode" }
} as const

/** Passwords of `/basic/` and `/both/`. */
export const BASIC_USERS = { alice: "P@ssw0rd!", jürgen: "Grüße" } as const

/** What `/bearer/` takes. */
export const GOOD_TOKEN = "good-token"

/** `backend`: origin of an HTTP server. */
export const apache = (pki: Pki, backend: string): Effect.Effect<Apache, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* peerDirectory("apache")
    const [rsa = 0, ec = 0, mutual = 0] = yield* freePorts(3)
    writeFileSync(join(directory, "basic.users"), passwordFile(BASIC_USERS))
    writeNtlmUsers(directory)
    writeFileSync(
      join(directory, "httpd.conf"),
      configuration({ directory, pki: pki.directory, backend, rsa, ec, mutual })
    )
    for (const name of ["run", "pages"]) mkdirSync(join(directory, name))
    writeFileSync(join(directory, "pages/negotiate.txt"), "Unauthorized")
    chmodSync(directory, 0o755)
    yield* runPeer({
      command: "/usr/sbin/apache2",
      args: ["-d", directory, "-f", join(directory, "httpd.conf"), "-DFOREGROUND"],
      cwd: directory,
      env: ntlmEnvironment(directory),
      ports: [rsa, ec, mutual]
    })
    return {
      rsa: `https://127.0.0.1:${rsa}`,
      ec: `https://127.0.0.1:${ec}`,
      mutual: `https://127.0.0.1:${mutual}`,
      accessLog: join(directory, "access.log")
    }
  })

/** The users as gss-ntlmssp reads them. */
export const writeNtlmUsers = (directory: string): void =>
  writeFileSync(
    join(directory, "ntlm.users"),
    Object.entries(USERS)
      .map(([user, { domain, password }]) => `${domain}:${user}:${password}\n`)
      .join("")
  )

/** What gss-ntlmssp wants to know. */
export const ntlmEnvironment = (directory: string): Readonly<Record<string, string>> => ({
  NTLM_USER_FILE: join(directory, "ntlm.users"),
  NETBIOS_COMPUTER_NAME: "EXCH01",
  NETBIOS_DOMAIN_NAME: "CONTOSO",
  LC_ALL: "C.UTF-8"
})

/** As `htpasswd` writes it. */
export const passwordFile = (users: Readonly<Record<string, string>>): string =>
  Object.entries(users)
    .map(([user, password]) => `${user}:${execFileSync("openssl", ["passwd", "-apr1", password])}`)
    .join("")

interface Places {
  readonly directory: string
  readonly pki: string
  readonly backend: string
  readonly rsa: number
  readonly ec: number
  readonly mutual: number
}

const configuration = ({ backend, directory, ec, mutual, pki, rsa }: Places) => `
ServerRoot "${directory}"
PidFile "${directory}/run/httpd.pid"
DefaultRuntimeDir "${directory}/run"
Mutex pthread
ServerName exchange.contoso.test
${isRoot ? "User www-data\nGroup www-data" : ""}
DocumentRoot "${directory}"
ErrorLog "${directory}/error.log"
LogLevel warn
# As it came, because it is gone when the log is written.
SetEnvIf Authorization "(.*)" SENT=$1
LogFormat "%k %<U %>s %<{SENT}e" log-ins
CustomLog "${directory}/access.log" log-ins
${[
  ...["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "auth_gssapi"],
  ...["alias", "setenvif", "ssl", "socache_shmcb", "headers", "proxy", "proxy_http"]
]
  .map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`)
  .join("\n")}
StartServers 1
ServerLimit 2
ThreadsPerChild 64
MaxRequestWorkers 128
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 120
Listen 127.0.0.1:${rsa} https
Listen 127.0.0.1:${ec} https
Listen 127.0.0.1:${mutual} https
SSLSessionCache "shmcb:${directory}/run/ssl_scache(512000)"
SSLCertificateFile "${pki}/srv-rsa.crt"
SSLCertificateKeyFile "${pki}/srv-rsa.key"
RequestHeader unset X-Remote-User
RequestHeader set X-Remote-User "expr=%{REMOTE_USER}"
RequestHeader unset X-Client-DN
RequestHeader unset Authorization
${["open", "basic", "ntlm", "nego", "both", "bearer"].map((path) => `ProxyPass /${path}/ ${backend}/`).join("\n")}
<LocationMatch "^/(ntlm|nego)/">
  AuthType GSSAPI
  AuthName "ntlm"
  GssapiAllowedMech ntlmssp
  GssapiConnectionBound On
  GssapiSSLonly On
  Require valid-user
</LocationMatch>
<Location /nego/>
  ErrorDocument 401 /pages/negotiate.txt
</Location>
<Location /pages/negotiate.txt>
  # The module offers NTLM too; only in a page of ours can the offer be changed.
  Header always set WWW-Authenticate "Negotiate" "expr=resp('WWW-Authenticate') == 'Negotiate'"
</Location>
<Location /basic/>
  AuthType Basic
  AuthName "basic"
  AuthBasicProvider file
  AuthUserFile "${directory}/basic.users"
  Require valid-user
</Location>
<Location /both/>
  <If "%{HTTP:Authorization} =~ /^Basic /">
    AuthType Basic
    AuthName "basic"
    AuthBasicProvider file
    AuthUserFile "${directory}/basic.users"
    Require valid-user
  </If>
  <Else>
    AuthType GSSAPI
    AuthName "ntlm"
    GssapiAllowedMech ntlmssp
    GssapiConnectionBound On
    GssapiSSLonly On
    Require valid-user
    Header always add WWW-Authenticate "Basic realm=basic" "expr=resp('WWW-Authenticate') == 'Negotiate'"
  </Else>
</Location>
<Location /bearer/>
  <If "%{HTTP:Authorization} != 'Bearer ${GOOD_TOKEN}'">
    Redirect 401
    Header always set WWW-Authenticate "Bearer error=\\"invalid_token\\""
  </If>
</Location>
<VirtualHost 127.0.0.1:${rsa}>
  SSLEngine on
</VirtualHost>
<VirtualHost 127.0.0.1:${ec}>
  SSLEngine on
  SSLCertificateFile "${pki}/srv-ec.crt"
  SSLCertificateKeyFile "${pki}/srv-ec.key"
</VirtualHost>
<VirtualHost 127.0.0.1:${mutual}>
  SSLEngine on
  SSLCACertificateFile "${pki}/ca.crt"
  SSLVerifyClient require
  SSLVerifyDepth 1
  <Location /open/>
    SSLUserName SSL_CLIENT_S_DN_CN
  </Location>
  RequestHeader set X-Client-DN "expr=%{SSL:SSL_CLIENT_S_DN}"
</VirtualHost>
`
