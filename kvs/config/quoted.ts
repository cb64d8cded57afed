const longest = 64
/** Without the signs that passwords have, and URLs with one in them. */
const plain = /^(?!.*:\/\/)[\p{L}\d.,:;[\]/_ -]*$/u
/** A URL without a user in it. Only a number is taken for its port: another text there may be a password. */
const webAddress = /^https?:\/\/[\w.-]+(:\d+)?\/?$/
const likeToken = /:\s*(read|write|admin)\b.*:/
/** A run as long as the shortest token is, with a digit in it. */
const likeRandom = /(?=[a-z]*\d)[a-z\d]{16,}/i

/**
 * Whether what somebody has set may stand in a message, where it is wrong: not if it may be a secret put in the wrong place, such as a
 * URL with a password in it, or a token. A short password of letters and digits can't be told from a slip of the pen.
 */
export function mayBeShown(text: string): boolean {
  const isPlain = text.length <= longest && (plain.test(text) || webAddress.test(text))
  return isPlain && !likeToken.test(text) && !likeRandom.test(text)
}

/** The text for a message, as the subject of its sentence. All that quotes a setting's text does it by this. */
export function quoted(text: string): string {
  return mayBeShown(text) ? JSON.stringify(text) : 'a text that is not shown, as it may be a secret,'
}
