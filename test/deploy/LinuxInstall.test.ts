import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePorts } from "../../src/demo/FreePorts.ts"
import { blocksOf, readDocument } from "../docs/Markdown.ts"
import { within } from "../e2e/Rehearsal.ts"
import { isRoot } from "../peers/support/RealPeer.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { shipped } from "./support/FrontProxy.ts"
import { ROOT, spawned } from "./support/Spawned.ts"

/** Directories that the commands write to; whoever runs the tests keeps his own. */
const WRITTEN = ["etc", "opt", "var/lib", "var/log", "usr/local/bin"]

/** Bash in which these directories may be written to, and nobody else sees it. */
const privately = (work: string, script: string): string =>
  [
    "set -e",
    `mount -t tmpfs tmpfs '${work}'`,
    ...WRITTEN.map(
      (name) =>
        `mkdir -p '${work}/${name}/upper' '${work}/${name}/work'; mount -t overlay overlay -o 'lowerdir=/${name},upperdir=${work}/${name}/upper,workdir=${work}/${name}/work' /${name}`
    ),
    `mkdir /opt/ens; mount --bind '${ROOT}' /opt/ens`,
    script
  ].join("\n")

const probe = isRoot
  ? spawnSync("unshare", [
      "-m",
      "bash",
      "-c",
      privately("/mnt", "systemd-sysusers --version; openssl version; curl --version")
    ])
  : undefined
const why = !isRoot
  ? "it needs root"
  : probe?.status === 0
    ? undefined
    : "this machine lets nobody mount, or lacks systemd-sysusers, openssl or curl"
if (why !== undefined) console.warn(`SKIPPED: the commands of docs/operations/deploy.md are not run: ${why}`)

const MARK = "\u001e"

it.scopedLive.skipIf(why !== undefined)(
  `the commands of docs/operations/deploy.md for Linux install a service that runs${why === undefined ? "" : ` (SKIPPED: ${why})`}`,
  () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [port, adminPort] = yield* freePorts(2)
      const blocks = blocksOf(readDocument("docs/operations/deploy.md"))
      const [install = "", ...rest] = blocks.filter(({ use }) => use === "linux").map(({ text }) => text)
      expect(rest).toHaveLength(1)
      const edited = {
        ...JSON.parse(shipped("systemd/ens.json")),
        ENS_PORT: port,
        ENS_ADMIN_PORT: adminPort,
        ENS_PUBLIC_URL: `http://127.0.0.1:${port}`,
        ENS_PUSH: "log",
        ENS_KEYPOOL_BATCH: 2,
        ENS_KEYPOOL_THRESHOLD: 1
      }
      const files = {
        "edited.json": JSON.stringify(edited),
        npm: '#!/bin/sh\n[ "$*" = "install --omit=dev" ]\n'
      }
      for (const [name, text] of Object.entries(files))
        writeFileSync(join(directory, name), text, { mode: 0o755 })
      const start = /^ExecStart=(.*)$/m.exec(shipped("systemd/ens.service"))?.[1]
      const post = /^ExecStartPost=(.*)$/m.exec(shipped("systemd/ens.service"))?.[1]
      const work = "/mnt"
      const mark = `printf '${MARK}'`
      const script = [
        `mkdir -m 1777 '${work}/cache'`,
        `cp '${directory}/edited.json' '${directory}/npm' /var/log/; PATH=/var/log:$PATH`,
        install,
        mark,
        "stat -c '%n %a %U:%G' /etc/ens /etc/ens/* /var/lib/ens /var/log/ens",
        mark,
        "cat /var/log/edited.json > /etc/ens/ens.json",
        ...rest,
        mark,
        // What systemd does with the unit.
        "install -d -m 700 -o ens /run/ens-test; install -m 440 -o ens /etc/ens/master.key /run/ens-test/master.key",
        "trap 'rm -rf /run/ens-test' EXIT",
        "cd /var/lib/ens",
        `ENS_MASTER_KEY_FILE=/run/ens-test/master.key setpriv --reuid ens --regid ens --clear-groups ${start} 2>/dev/null >/dev/null & service=$!`,
        `${post?.replace("127.0.0.1:8081", `127.0.0.1:${adminPort}`)}`,
        `curl -sS http://127.0.0.1:${port}/readyz`,
        "ens token create --label more --config /etc/ens/ens.json --json",
        "ens migrate --dry-run --config /etc/ens/ens.json",
        mark,
        "find /var/lib/ens /var/log/ens ! -user ens",
        mark,
        "kill $service; wait $service; echo ended $?"
      ].join("\n")
      const run = yield* spawned(
        ["unshare", "-m", "--pid", "--fork", "--kill-child", "bash", "-c", privately(work, script)],
        {
          cwd: ROOT,
          // Many commands load the same modules; compiling them once is enough.
          environment: { LC_ALL: "C.UTF-8", NODE_COMPILE_CACHE: `${work}/cache` },
          otherAccount: false
        }
      )
      const code = yield* within(run.ended, `the end: ${run.output()}`, 240)
      const [, rights = "", setUp = "", running = "", strange = "?", end = ""] = run.output().split(MARK)
      expect(code, run.output()).toBe(0)
      expect(rights).toContain("/etc/ens 750 root:ens")
      expect(rights).toContain("/etc/ens/ens.json 640 root:ens")
      expect(rights).toContain("/etc/ens/master.key 600 root:root")
      expect(rights).toContain("/var/lib/ens 700 ens:ens")
      expect(setUp).toMatch(/ens_[\w-]{20}/)
      expect(running).toMatch(/^ready$/m)
      expect(running).toContain("nothing to do")
      expect(strange).toBe("")
      expect(end.trim()).toBe("ended 0")
    }),
  300_000
)
