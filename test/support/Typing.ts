import { type Key, Terminal, type UserInput } from "@effect/platform/Terminal"
import { Effect, Exit, Mailbox, Option } from "effect"

/** A question, or a part of it, and the keys that are typed when it is on the screen. */
export type Step = readonly [question: string, keys: string]

export const ENTER = "\r"
export const DOWN = "\u001b[B"
export const BACKSPACE = "\u007f"
export const CTRL_C = "\u0003"

/**
 * A terminal at which somebody answers each question with the next step's keys; a question that is not the next step's is
 * quit, so that nothing waits for ever. `screen`: all that was shown.
 */
export const typing = (steps: ReadonlyArray<Step>) => {
  let screen = ""
  const left = [...steps]
  let asked: Mailbox.Mailbox<UserInput> | undefined
  const answer = (mailbox: Mailbox.Mailbox<UserInput>, text: string) => {
    const [question, keys] = left.shift() ?? ["no question", CTRL_C]
    if (!text.includes(question)) screen += `\n(waited for: ${question})\n`
    for (const input of text.includes(question) ? inputs(keys) : inputs(CTRL_C)) {
      mailbox.unsafeOffer(input)
      if (input.key.ctrl) mailbox.unsafeDone(Exit.void)
    }
  }
  const terminal = Terminal.of({
    columns: Effect.succeed(100),
    rows: Effect.succeed(40),
    isTTY: Effect.succeed(true),
    readLine: Effect.dieMessage("no line is asked for"),
    readInput: Effect.tap(Mailbox.make<UserInput>(), (mailbox) =>
      Effect.sync(() => {
        asked = mailbox
      })
    ),
    display: (text) =>
      Effect.sync(() => {
        screen += text
        if (asked === undefined || !text.includes("?")) return
        answer(asked, text)
        asked = undefined
      })
  })
  return { terminal, screen: () => screen, left: () => left.map(([question]) => question) }
}

const inputs = (keys: string): ReadonlyArray<UserInput> =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how arrow keys begin
  (keys.match(/\u001b\[B|./gsu) ?? []).map((text) => {
    const name = NAMES[text]
    return name === undefined
      ? { input: Option.some(text), key: key(text) }
      : { input: Option.none(), key: name }
  })

const key = (name: string, ctrl = false): Key => ({ name, ctrl, meta: false, shift: false })

const NAMES: Readonly<Record<string, Key>> = {
  [ENTER]: key("return"),
  [DOWN]: key("down"),
  [BACKSPACE]: key("backspace"),
  [CTRL_C]: key("c", true)
}
