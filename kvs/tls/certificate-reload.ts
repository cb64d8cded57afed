import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { readSettingFile } from '../lib/files.ts'
import { hidden, leafOf, type Part, problemsOf, type Tls, type TlsTexts } from './pem-files.ts'
import { describeValidity } from './validity.ts'

const intervalMs = 5_000
/** Files that are the same after this long are not being written. */
const settlingMs = 200
const dayMs = 86_400_000

/**
 * Has what the files hold taken into use as it changes, all of it together: what does not fit together, or can't be read, is
 * told of once and looked at again. By content, every few seconds: whatever tool renews them, by writing, renaming or
 * swapping links, and on whatever file system. Tells of a certificate about to expire at once, and then daily.
 * @param apply takes what has replaced the texts in use; it is without problems
 * @returns what looks at once, and settles when it has; nothing where there is nothing to watch
 */
export function watchTls(
  tls: Tls | undefined,
  apply: (texts: TlsTexts) => void,
  logger: Pick<Logger, 'info' | 'warn'>,
): (() => Promise<void>)[] {
  if (tls === undefined || Object.keys(tls.files).length === 0) return []
  const { files } = tls
  let inUse = tls.texts
  let told = ''
  let looking = Promise.resolve()
  let validityTold = tellValidity()

  async function look(): Promise<void> {
    if (performance.now() - validityTold > dayMs) validityTold = tellValidity()
    const found = await settled()
    if (found === undefined) return
    const problems = typeof found === 'string' ? [found] : problemsOf(found, files)
    if (typeof found === 'string' || problems.length > 0) return tell(problems)
    told = ''
    if (isSame(found, inUse)) return
    apply(found)
    inUse = found
    logger.info('TLS: what has changed in the files is in use for new connections')
    validityTold = tellValidity()
  }

  /** Undefined while they are being written. */
  async function settled(): Promise<TlsTexts | string | undefined> {
    const first = read()
    if (typeof first !== 'string' && isSame(first, inUse)) return first
    await sleep(settlingMs)
    const second = read()
    if (typeof first === 'string' || typeof second === 'string') return first === second ? second : undefined
    return isSame(first, second) ? second : undefined
  }

  /** The texts, or what is in the way of them. */
  function read(): TlsTexts | string {
    const problems: string[] = []
    const found: { [P in Part]?: string | undefined } = {}
    for (const [part, { setting, path }] of Object.entries(files) as [Part, { setting: string; path: string }][]) {
      found[part] = readSettingFile(setting, path, problems)
    }
    return problems.length > 0 ? problems.join('; ') : hidden(found)
  }

  function tell(problems: readonly string[]): void {
    const text = problems.join('; ')
    if (text !== told) logger.warn(`TLS: what is in use is kept, since what the files hold now is of no use: ${text}`)
    told = text
  }

  function tellValidity(): number {
    if (inUse.cert !== undefined) {
      const { text, isConcern } = describeValidity(leafOf(inUse.cert), Date.now())
      logger[isConcern ? 'warn' : 'info'](text)
    }
    return performance.now()
  }

  function lookNext(): Promise<void> {
    looking = looking.then(look).catch((error) => logger.warn(`TLS: what is in use is kept: ${error}`))
    return looking
  }

  setInterval(() => void lookNext(), intervalMs).unref()
  return [lookNext]
}

function isSame(a: TlsTexts, b: TlsTexts): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca
}
