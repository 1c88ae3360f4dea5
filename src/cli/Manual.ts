/** What the library does not know of commands: in which order `ens --help` shows them, and an example of each. */
export const GROUPS: ReadonlyArray<readonly [title: string, commands: ReadonlyArray<string>]> = [
  ["Begin", ["demo", "init", "start"]],
  ["Administer", ["config", "token", "pin", "secret", "migrate"]],
  ["Find out why", ["doctor", "user", "log-level"]],
  ["Try things out", ["sandbox"]],
  ["Shell", ["completions"]]
]

/** By path: "token create". The lines that begin with # say what it does. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  start: "ens start --config /etc/ens/ens.json",
  demo: "ens demo",
  init: "ens init --public-url https://ens.example.com --ews-host mail.example.com --push cns --config-xml config.xml --password-file password.txt --write-config ens.json",
  config: "ens config --config ens.json",
  token: "ens token list",
  "token create": "ens token create --label phones --ews-url https://mail.example.com/EWS/Exchange.asmx",
  "token list": "ens token list --json",
  "token rotate": 'ens token rotate 3 --overlap "7 days"',
  "token revoke": "ens token revoke 3",
  pin: "ens pin list",
  "pin add": "ens pin add cns.awmdm.com",
  "pin list": "ens pin list --json",
  "pin remove": "ens pin remove 3f8a90c1",
  secret: "ens secret seal",
  "secret seal": "ens secret seal < password.txt",
  "secret rotate": "ens secret rotate --config ens.json",
  migrate: "ens migrate --dry-run",
  doctor: "ens doctor --email alice@example.com",
  user: "ens user alice@example.com",
  "log-level": "ens log-level debug --for '10 minutes'",
  completions: "ens completions bash > /etc/bash_completion.d/ens",
  sandbox: "ens sandbox exchange",
  "sandbox exchange": "ens sandbox exchange --mailbox alice@example.com:secret",
  "sandbox seg": "ens sandbox seg --upstream http://127.0.0.1:8090",
  "sandbox cns": "ens sandbox cns --port 8091",
  "sandbox apns": "ens sandbox apns",
  "sandbox fcm": "ens sandbox fcm",
  "sandbox sns": "ens sandbox sns",
  "sandbox device": "ens sandbox device status --api-token ens_… --email alice@example.com",
  "sandbox device register":
    "ens sandbox device register --api-token ens_… --email alice@example.com --password secret",
  "sandbox device status": "ens sandbox device status --api-token ens_… --email alice@example.com",
  "sandbox device unregister": "ens sandbox device unregister --api-token ens_… --email alice@example.com"
}

/** Below the commands in `ens --help`. */
export const NOTES: ReadonlyArray<readonly [title: string, text: string]> = [
  [
    "Exit codes",
    "0 done; 1 it failed, and standard error says why and what to do; 2 the command line is wrong, and nothing was tried."
  ],
  [
    "--json",
    'Data are JSON on standard output. What goes wrong is one JSON object on standard error: {"error":"…","exitCode":1}.'
  ],
  [
    "Environment",
    "Settings are ENS_… variables, or a JSON file with --config FILE; see: ens config. NO_COLOR switches colours off, which are for terminals only."
  ]
]
