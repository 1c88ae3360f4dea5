import { DatabaseSync } from "node:sqlite"
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads"
import { SqliteCommitGroup } from "./SqliteCommitGroup.ts"
import type { FromWriter, ToWriter, WriteReply } from "./SqliteProtocol.ts"

/**
 * The writer thread: the only one that writes, waits for the disk and makes checkpoints, so that the event loop of the
 * service never does. `workerData` is the database's file name.
 *
 * For whoever plays a bad disk: modules that are preloaded (`--import`, also in NODE_OPTIONS) are loaded in this thread too,
 * so one that delays `COMMIT` makes a slow disk. A lock that another process holds (`BEGIN IMMEDIATE`) locks out this thread
 * only, never who reads.
 */
const port = parentPort!
// The time-out is for opening; the group has its own.
const database = new DatabaseSync(String(workerData), { timeout: 5000, enableForeignKeyConstraints: true })
// secure_delete: a user who goes takes the keys along, not only the pointers to them.
database.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA secure_delete = ON;
  PRAGMA temp_store = MEMORY;
  PRAGMA cache_size = -16000;
  PRAGMA wal_autocheckpoint = 4000;
  PRAGMA journal_size_limit = 67108864;
`)

let replies: Array<WriteReply> = []
const group = new SqliteCommitGroup(database, (reply) => replies.push(reply))

const sendReplies = () => {
  if (replies.length === 0) return
  port.postMessage(replies satisfies FromWriter)
  replies = []
}

port.on("message", (first: ToWriter) => {
  // Everything that piled up during the last commit goes into the next one.
  for (
    let next: { message: ToWriter } | undefined = { message: first };
    next;
    next = receiveMessageOnPort(port)
  ) {
    if (next.message === "close") {
      group.end()
      sendReplies()
      database.close()
      port.close()
      return
    }
    for (const request of next.message) group.take(request)
    sendReplies()
  }
  group.settle()
  sendReplies()
})
