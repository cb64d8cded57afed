/**
 * Adds a field that is not enumerable to the object, and returns that. JSON and util.inspect do not show such a field,
 * so that a secret does not get into a log; spreading the object loses it. Adds nothing where the value is undefined.
 */
export function withHiddenField<T extends object, K extends string, V>(
  object: T,
  key: K,
  value: V | undefined,
): T & { [P in K]?: V } {
  return value === undefined ? object : Object.defineProperty(object, key, { value })
}
