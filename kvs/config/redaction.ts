/** Longest text that a message quotes. */
const maxLength = 64
/** Matches texts without the characters of passwords and of URLs that contain one. */
const plain = /^(?!.*:\/\/)[\p{L}\d.,:;[\]/_ -]*$/u
/** Matches a URL without a user. Its port must be a number, because another text there may be a password. */
const webAddress = /^https?:\/\/[\w.-]+(:\d+)?\/?$/
/** Matches what may be a configured token with its rights. */
const tokenLike = /:\s*(read|write|admin)\b.*:/
/** Matches a word with a digit that is as long as the shortest token. */
const randomLike = /(?=[a-z]*\d)[a-z\d]{16,}/i

/**
 * Whether a message may quote a wrong text of a setting. It must not if the text may be a misplaced secret, such as a
 * token or a URL with a password. A short password of letters and digits can't be distinguished from a typing error,
 * and is quoted.
 */
export function isSafeToQuote(text: string): boolean {
  const isPlain = text.length <= maxLength && (plain.test(text) || webAddress.test(text))
  return isPlain && !tokenLike.test(text) && !randomLike.test(text)
}

/** Quotes a setting's text as the subject of a message, or says that it is not shown. */
export function quoteOrRedact(text: string): string {
  return isSafeToQuote(text) ? JSON.stringify(text) : 'a text that is not shown, as it may be a secret,'
}
