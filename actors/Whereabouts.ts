/** Kind and place of a defect without its text, which may quote what it stumbled over (a subject, an address). */
export const whereabouts = (defect: unknown): string => {
  if (!(defect instanceof Error)) return typeof defect
  const frames = (defect.stack ?? "").split("\n").filter((line) => line.startsWith("    at "))
  return [defect.name, ...frames.slice(0, 4).map((line) => line.trim())].join(" ")
}
