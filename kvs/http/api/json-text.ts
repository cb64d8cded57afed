/** Many readers of JSON give up, or crash, at more levels than this. */
export const maxDepth = 1_000

/**
 * The text of an object's member as it stands in JSON that is known to be valid: `JSON.parse` would lose the digits of
 * a number and the order of keys. The last of several, as with `JSON.parse`; undefined where there is none.
 */
export function memberText(json: string, name: string): string | undefined {
  let text: string | undefined
  let at = json.indexOf('{') + 1
  while (json.indexOf('"', at) >= 0) {
    const keyStart = json.indexOf('"', at)
    const keyEnd = endOfString(json, keyStart)
    const valueStart = json.indexOf(':', keyEnd) + 1
    const valueEnd = endOfValue(json, valueStart)
    if (JSON.parse(json.slice(keyStart, keyEnd)) === name) text = json.slice(valueStart, valueEnd).trim()
    at = valueEnd
  }
  return text
}

/**
 * Whether brackets outside of strings are nested deeper than `levels`, in any text: parsing such takes long, and
 * blocks.
 */
export function isTooDeep(text: string, levels = maxDepth): boolean {
  let depth = 0
  let isInString = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') isInString = !isInString
    else if (isInString) at += character === '\\' ? 1 : 0
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    if (depth > levels) return true
  }
  return false
}

/** Index of the comma or brace after a value. */
function endOfValue(json: string, start: number): number {
  let depth = 0
  for (let at = start; ; at++) {
    const character = json[at]
    if (character === '"') at = endOfString(json, at) - 1
    else if (character === '{' || character === '[') depth++
    else if (depth === 0 && (character === ',' || character === '}')) return at
    else if (character === '}' || character === ']') depth--
  }
}

/** Index behind the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at + 1
}
