import type { X509Certificate } from 'node:crypto'

const dayMs = 86_400_000

/** From when on a certificate that is about to expire is told of. */
export const noticeMs = 14 * dayMs

/** One sentence for a person, and whether it is one of concern. */
export function describeValidity(leaf: X509Certificate, now: number): { text: string; isConcern: boolean } {
  const what = `the TLS certificate for ${nameOf(leaf)}`
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

function nameOf({ subjectAltName, subject }: X509Certificate): string {
  const names = subjectAltName?.replace(/(?:DNS|IP Address):/g, '') ?? subject.replaceAll('\n', ', ')
  return names === '' ? 'no name' : names
}
