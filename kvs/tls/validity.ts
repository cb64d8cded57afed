import type { X509Certificate } from 'node:crypto'

const dayMs = 86_400_000

/** A certificate is reported as about to expire from this time before its end, in milliseconds. */
export const noticeMs = 14 * dayMs

/**
 * Describes until when a certificate is valid in one sentence.
 * @param now wall-clock time in milliseconds since 1970
 * @returns the sentence, and whether an operator has to act
 */
export function describeValidity(leaf: X509Certificate, now: number): { text: string; isConcern: boolean } {
  const what = `the TLS certificate for ${subjectNames(leaf)}`
  const [from, to] = [leaf.validFromDate, leaf.validToDate]
  const until = `${to.toISOString().slice(0, 16)}Z`
  if (to.getTime() <= now) return { text: `${what} has expired on ${until}: clients will refuse it`, isConcern: true }
  if (from.getTime() > now) {
    return { text: `${what} is not valid before ${from.toISOString()}: clients will refuse it`, isConcern: true }
  }
  const days = Math.floor((to.getTime() - now) / dayMs)
  if (to.getTime() - now < noticeMs) return { text: `${what} expires in ${days} days, on ${until}`, isConcern: true }
  return { text: `${what} is valid until ${until} (serial ${leaf.serialNumber.toLowerCase()})`, isConcern: false }
}

function subjectNames({ subjectAltName, subject }: X509Certificate): string {
  const names = subjectAltName?.replace(/(?:DNS|IP Address):/g, '') ?? subject.replaceAll('\n', ', ')
  return names === '' ? 'no name' : names
}
