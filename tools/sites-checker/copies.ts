import { type SiteOperation, words } from './operation.ts'

/** No write is said to be in more logs than have it. */
export function checkCopies(operations: readonly SiteOperation[]): string[] {
  return operations.flatMap((operation) => {
    const { copies } = operation
    if (copies === undefined || copies.told <= copies.true) return []
    return [`${words(operation)} was said to be in ${copies.told} logs, and ${copies.true} had it`]
  })
}
