import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "vitest"
import { SqliteStatements } from "../../../layers/storage/SqliteStatements.ts"

const open = () => {
  const database = new DatabaseSync(":memory:")
  database.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, bytes BLOB)")
  return { database, statements: new SqliteStatements(database) }
}

describe("prepared statements", () => {
  it("answer with objects, arrays or a count, in any order", () => {
    const { statements } = open()
    const add = "INSERT INTO notes VALUES (?, ?, ?)"
    expect(statements.run(add, [1, "a", new Uint8Array([7])], "changes")).toMatchObject({ changes: 1 })
    expect(statements.run(`${add} RETURNING id`, [2, null, null], "rows")).toEqual([{ id: 2 }])
    const all = "SELECT * FROM notes ORDER BY id"
    const rows = [
      { id: 1, text: "a", bytes: new Uint8Array([7]) },
      { id: 2, text: null, bytes: null }
    ]
    for (let time = 0; time < 2; time++) {
      expect(statements.run(all, [], "rows")).toEqual(rows)
      expect(statements.run(all, [], "values")).toEqual(rows.map((row) => Object.values(row)))
    }
    expect(statements.run("SELECT * FROM notes WHERE id > 2", [], "rows")).toEqual([])
  })

  it("know a column that was added after they were prepared", () => {
    const { database, statements } = open()
    const all = "SELECT * FROM notes"
    statements.run("INSERT INTO notes (id) VALUES (?)", [1], "changes")
    expect(statements.run(all, [], "rows")).toEqual([{ id: 1, text: null, bytes: null }])
    database.exec("ALTER TABLE notes ADD COLUMN colour TEXT DEFAULT 'red'")
    expect(statements.run(all, [], "rows")).toEqual([{ id: 1, text: null, bytes: null, colour: "red" }])
  })
})
