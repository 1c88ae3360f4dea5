import { Schema } from "effect"

/** The command cannot do what it was asked; the text says why and what to do. The process ends with code 1. */
export class CommandProblem extends Schema.TaggedError<CommandProblem>()("CommandProblem", {
  problem: Schema.String
}) {
  override get message() {
    return this.problem
  }
}

/** The command line itself is wrong; nothing was tried. The process ends with code 2. */
export class UsageProblem extends Schema.TaggedError<UsageProblem>()("UsageProblem", {
  problem: Schema.String
}) {
  override get message() {
    return this.problem
  }
}

/** The command has ended, and its problem was told; what is left is the code that the process ends with. */
export class CommandEnded extends Schema.TaggedError<CommandEnded>()("CommandEnded", {
  exitCode: Schema.Literal(1, 2)
}) {}
