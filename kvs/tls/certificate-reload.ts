import { type Clock, systemClock } from '../lib/clock.ts'
import { readSettingFile } from '../lib/files.ts'
import type { Logger } from '../lib/logging.ts'
import {
  findTlsProblems,
  leafCertificate,
  makeTlsTexts,
  type Part,
  type Tls,
  type TlsFiles,
  type TlsTexts,
} from './pem-files.ts'
import { describeValidity } from './validity.ts'

const intervalMs = 5_000
/** Nobody is writing files that are the same after this time, in milliseconds. */
const settlingMs = 200
const dayMs = 86_400_000

/**
 * Applies changes of TLS files while the process runs, all files together. It compares their contents every few
 * seconds, so that it notices any way of renewal (writing, renaming, swapping links) on any file system. Files that
 * can't be read, or do not fit together, are logged once and tried again. It logs a certificate's validity at once and
 * then daily.
 * @param apply called with new texts that are free of problems
 * @returns functions that check the files now and resolve when that is done; empty when there are no files
 */
export function startTlsReload(
  tls: Tls | undefined,
  apply: (texts: TlsTexts) => void,
  logger: Pick<Logger, 'info' | 'warn'>,
  clock: Clock = systemClock,
): (() => Promise<void>)[] {
  if (tls === undefined || Object.keys(tls.files).length === 0) return []
  const { files } = tls
  let inUse = tls.texts
  let warning = ''
  let checking = Promise.resolve()
  let validityLoggedAt = logValidity()

  async function checkFiles(): Promise<void> {
    if (clock.now() - validityLoggedAt > dayMs) validityLoggedAt = logValidity()
    const found = await readSettled()
    if (found === undefined) return
    const problems = typeof found === 'string' ? [found] : findTlsProblems(found, files)
    if (typeof found === 'string' || problems.length > 0) return warnOnce(problems)
    warning = ''
    if (isSame(found, inUse)) return
    apply(found)
    inUse = found
    logger.info('TLS: what has changed in the files is in use for new connections')
    validityLoggedAt = logValidity()
  }

  /** Reads the files twice. Returns undefined if they changed meanwhile, or a sentence if they can't be read. */
  async function readSettled(): Promise<TlsTexts | string | undefined> {
    const first = readTexts(files)
    if (typeof first !== 'string' && isSame(first, inUse)) return first
    await clock.sleep(settlingMs)
    const second = readTexts(files)
    if (typeof first === 'string' || typeof second === 'string') return first === second ? second : undefined
    return isSame(first, second) ? second : undefined
  }

  function warnOnce(problems: readonly string[]): void {
    const text = problems.join('; ')
    if (text !== warning)
      logger.warn(`TLS: what is in use is kept, since what the files hold now is of no use: ${text}`)
    warning = text
  }

  function logValidity(): number {
    if (inUse.cert !== undefined) {
      const { text, isConcern } = describeValidity(leafCertificate(inUse.cert), clock.wallTime())
      logger[isConcern ? 'warn' : 'info'](text)
    }
    return clock.now()
  }

  /** Checks the files after the checks that are under way. */
  function queueCheck(): Promise<void> {
    checking = checking.then(checkFiles).catch((error) => logger.warn(`TLS: what is in use is kept: ${error}`))
    return checking
  }

  clock.every(intervalMs, () => void queueCheck()).unref()
  return [queueCheck]
}

/** Returns the texts, or a sentence that says which files can't be read. */
function readTexts(files: TlsFiles): TlsTexts | string {
  const problems: string[] = []
  const found: { [P in Part]?: string | undefined } = {}
  for (const [part, { setting, path }] of Object.entries(files) as [Part, { setting: string; path: string }][]) {
    found[part] = readSettingFile(setting, path, problems)
  }
  return problems.length > 0 ? problems.join('; ') : makeTlsTexts(found)
}

function isSame(a: TlsTexts, b: TlsTexts): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca
}
