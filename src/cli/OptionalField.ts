import { Option } from "effect"

/** An option as a property that is there only if the option was given. */
export const optionalField = <K extends string, A>(
  name: K,
  value: Option.Option<A>
): { readonly [key in K]?: A } =>
  Option.match(value, {
    onNone: () => ({}),
    onSome: (some) => ({ [name]: some }) as { readonly [key in K]: A }
  })
