import { Schema } from "effect"

/** The command cannot do what it was asked; the text says why and what to do. */
export class CommandProblem extends Schema.TaggedError<CommandProblem>()("CommandProblem", {
  problem: Schema.String
}) {
  override get message() {
    return this.problem
  }
}
