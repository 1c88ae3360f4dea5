/** Generated from `schemas/Fault.ts` by `Assets.ts`. */
declare const faults: Readonly<Record<string, { readonly title: string; readonly cure: string } | undefined>>
export default faults
