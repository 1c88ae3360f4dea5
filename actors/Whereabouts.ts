/**
 * Kind and place of a defect without its text, which may quote what it stumbled over (a subject, an address). Never throws,
 * whatever it is given: who tells of a fault must not come to grief by it.
 */
export const whereabouts = (defect: unknown): string => {
  try {
    return told(defect)
  } catch {
    return "an error that cannot be read"
  }
}

const told = (defect: unknown): string => {
  if (!(defect instanceof Error)) return typeof defect
  // The stack begins with the text, which may have lines that look like frames.
  const stack = defect.stack ?? ""
  const text = stack.indexOf(defect.message)
  const frames = (text < 0 ? "" : stack.slice(text + defect.message.length))
    .split("\n")
    .filter((line) => line.startsWith("    at "))
  return [defect.name, ...frames.slice(0, 4).map((line) => line.trim())].join(" ")
}
