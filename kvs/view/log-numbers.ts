import { maxLogs } from './record-layout.ts'
import { ViewFull } from './slabs.ts'

/** Ids of logs by numbers, which records keep in their place. */
export interface LogNumbers {
  /**
   * Number of a log, below `maxLogs`. A log that is new gets one.
   * @throws ViewFull where there is none left
   */
  of(logId: string): number
  /** The log that has the number. */
  idOf(number: number): string
}

/** @param own id of the log that is applied, which has the number 0 */
export function makeLogNumbers(own: string): LogNumbers {
  const ids = [own]
  const numbers = new Map([[own, 0]])

  return {
    of(logId) {
      const known = numbers.get(logId)
      if (known !== undefined) return known
      if (ids.length >= maxLogs) throw new ViewFull(`this log has entries of more than ${maxLogs} logs`)
      const number = ids.push(logId) - 1
      numbers.set(logId, number)
      return number
    },
    idOf: (number) => ids[number] as string,
  }
}
