import { type Balances, type History, isOfTransfers, type LogEntry, type Transfer } from '../history.ts'
import { quoted } from './words.ts'

/**
 * Holds transfers against the log: each is there as a whole, at most once, and once if it was acknowledged, where its
 * answer says, in the order of time; each count goes on from the one before. Whatever was listed is the log's state at
 * the list's position, and comes to no sum but 0.
 *
 * @returns a sentence for each contradiction
 */
export function checkTransfers({ transfers = [], balances = [], log }: History): string[] {
  const violations: string[] = []
  const report = (sentence: string) => violations.push(sentence)
  const landed = readTransfers(log, new Map(transfers.map((one) => [one.id, one])), report)
  for (const transfer of transfers) checkOutcome(transfer, landed.get(transfer.id), report)
  checkOrder(transfers, landed, report)
  checkBalances(balances, log, report)
  return violations
}

type Report = (sentence: string) => void

/** Returns the first sequence of each transfer in the log. */
function readTransfers(
  log: readonly LogEntry[],
  byId: ReadonlyMap<string, Transfer>,
  report: Report,
): ReadonlyMap<string, number> {
  const landed = new Map<string, number>()
  const state = new Map<string, bigint>()
  const entries = log.filter(({ key }) => isOfTransfers(key))
  for (let at = 0; at < entries.length; ) {
    const [from, to, own] = entries.slice(at, at + 3)
    const transfer = byId.get(own?.value ?? '')
    if (from && to && own && transfer && isWhole([from, to, own], transfer)) {
      const { id, by } = transfer
      if (landed.has(id))
        report(`transfer ${id} is in the log twice, from entry ${landed.get(id)} and ${from.sequence}`)
      landed.set(id, from.sequence)
      count(from, -by)
      count(to, by)
      at += 3
    } else {
      const { sequence, key, value } = entries[at] as LogEntry
      report(`entry ${sequence} (${quoted(key)} = ${value}) is a part of no whole transfer`)
      at++
    }
  }
  return landed

  function count({ key, value, sequence }: LogEntry, by: number): void {
    const before = state.get(key) ?? 0n
    const after = BigInt(value ?? '')
    if (after !== before + BigInt(by))
      report(`entry ${sequence} makes ${after} of ${before} and ${by} at ${quoted(key)}`)
    state.set(key, after)
  }
}

function isWhole([from, to, own]: readonly [LogEntry, LogEntry, LogEntry], transfer: Transfer): boolean {
  const isTogether = to.sequence === from.sequence + 1 && own.sequence === to.sequence + 1
  const hasEffect = [from, to, own].every(({ superseded, kind }) => !superseded && kind === 'put')
  return isTogether && hasEffect && from.key === transfer.from && to.key === transfer.to
}

function checkOutcome({ id, outcome, sequence }: Transfer, landed: number | undefined, report: Report): void {
  if (outcome === 'ok' && landed === undefined) report(`transfer ${id} was acknowledged and is not in the log`)
  else if (outcome === 'failed' && landed !== undefined) report(`transfer ${id} failed, and is entry ${landed}`)
  else if (outcome === 'ok' && sequence !== landed) {
    report(`transfer ${id} was said to be entry ${sequence}, and is entry ${landed}`)
  }
}

/** What was acknowledged before another one was asked for comes before it. */
function checkOrder(transfers: readonly Transfer[], landed: ReadonlyMap<string, number>, report: Report): void {
  const acknowledged = transfers.filter(({ outcome }) => outcome === 'ok')
  for (const { id, invoked } of transfers) {
    const sequence = landed.get(id)
    if (sequence === undefined) continue
    const later = acknowledged.find((one) => one.returned < invoked && (landed.get(one.id) ?? 0) > sequence)
    if (later) report(`transfer ${id} is entry ${sequence}, before ${later.id}, which had been acknowledged by then`)
  }
}

function checkBalances(balances: readonly Balances[], log: readonly LogEntry[], report: Report): void {
  const state = new Map<string, string>()
  let next = 0
  for (const { node, position, balances: shown } of balances.toSorted((one, other) => one.position - other.position)) {
    for (let entry = log[next]; entry !== undefined && entry.sequence <= position; entry = log[++next]) {
      if (/^account-/.test(entry.key) && !entry.superseded) state.set(entry.key, entry.value ?? '')
    }
    const words = `a list of accounts at ${node}, at position ${position},`
    const sum = Object.values(shown).reduce((sum, value) => sum + BigInt(value), 0n)
    if (sum !== 0n) report(`${words} comes to ${sum}, and transfers leave 0`)
    for (const account of new Set([...state.keys(), ...Object.keys(shown)])) {
      if (shown[account] === state.get(account)) continue
      report(`${words} has ${shown[account]} for ${quoted(account)}, where the log says ${state.get(account)}`)
    }
  }
}
