import { machineLine } from '../measure/machine.ts'
import type { Results } from '../results.ts'
import { expiryColumns, expiryRows, expirySentence } from './expiry-tables.ts'
import { type Verdict, verdictText } from './judge.ts'
import { openLoopColumns, openLoopRows, singleMedian } from './latency-tables.ts'
import { firstListSentence, holdUpColumns, holdUpRows, listCostColumns, listCostRows } from './lists-tables.ts'
import { lagSentence, nodesColumns, nodesRows } from './nodes-tables.ts'
import { handoverColumns, handoverRows, ringColumns, ringRows, shareColumns, shareRows } from './ring-tables.ts'
import { caveats, runColumns, runRows } from './runs.ts'
import {
  siteCostColumns,
  siteCostRows,
  siteImportColumns,
  siteImportRows,
  siteLagColumns,
  siteLagRows,
} from './sites-tables.ts'
import { memoryColumns, memoryRows, startColumns, startRows } from './size-tables.ts'
import { judgeSoak } from './soak-verdict.ts'
import { type Column, spread, textTable } from './text.ts'
import { transactionColumns, transactionRows } from './transactions-tables.ts'
import { verdictsOf } from './verdicts.ts'

export const verdictColumns: readonly Column[] = [
  { heading: 'what' },
  { heading: 'at least' },
  { heading: 'measured, median (least–most)' },
  { heading: 'verdict' },
]

export function verdictRows(results: Results): string[][] {
  return verdictsOf(results).map((row) => [row.what, row.target, row.measured, verdictText(row)])
}

/** Renders one line for each row, since the table is too wide for a terminal. */
function verdictLines(verdict: Verdict): string {
  const { what, target, measured } = verdict
  const mark = { true: 'MET     ', false: 'MISSED  ', undefined: '        ' }[String(verdict.isMet) as 'true']
  const by = verdict.isMet === false ? `, ${verdictText(verdict)}` : ''
  return `${mark}${what}\n        ${measured}${by}; target: ${target}`
}

/**
 * As plain text.
 * @param shown in detail, what was measured just now
 * @param latest all that the table of targets is made of
 */
export function printable(shown: Results, latest: Results): string {
  const { throughput, latency, start, memory, nodes, lists, transactions, sites, ring, expiry, soak } = shown
  const sections: string[] = []
  const add = (heading: string, text: string) => text !== '' && sections.push(`${heading}\n\n${text}`)

  if (throughput) {
    const { runs } = throughput.result
    add(
      'Throughput: medians of the rounds (least–most); "kvs vs it" is the median of the ratios of the rounds',
      textTable(runColumns, runRows(runs)),
    )
    add('Mind', caveats(runs).join('\n'))
  }
  if (latency) {
    const { openLoop, single } = latency.result
    add(
      'PUT in an open loop with 256 connections, at half of the peak',
      textTable(openLoopColumns, openLoopRows(openLoop)),
    )
    const lines = [
      ['PUT', singleMedian(single, 'put')],
      ['PUT, seen by wrk', singleMedian(single, 'putByWrk')],
      ['INSERT in pgbench', singleMedian(single, 'insert')],
      ['GET of bare node:http', singleMedian(single, 'bare')],
    ] as const
    add('One connection, p50', lines.map(([what, of]) => `${what}: ${spread(of, ' µs')}`).join('\n'))
  }
  if (start) add('Start-up', textTable(startColumns, startRows(start.result)))
  if (memory) add('Resident memory', textTable(memoryColumns, memoryRows(memory.result)))
  if (nodes) add('Several nodes', `${textTable(nodesColumns, nodesRows(nodes.result))}\n\n${lagSentence(nodes.result)}`)
  if (lists) {
    add('GETs while there are lists', textTable(holdUpColumns, holdUpRows(lists.result)))
    add('What the order of keys costs', textTable(listCostColumns, listCostRows(lists.result)))
    add('First lists', firstListSentence(lists.result))
  }
  if (transactions) {
    add('Transactions and counts', textTable(transactionColumns, transactionRows(transactions.result)))
  }
  if (sites) {
    add('From a PUT at a site until another one shows it', textTable(siteLagColumns, siteLagRows(sites.result)))
    add('Taking over a backlog', textTable(siteImportColumns, siteImportRows(sites.result)))
    add('What a site that follows costs', textTable(siteCostColumns, siteCostRows(sites.result)))
  }
  if (ring) {
    add('Requests to a ring of three members', textTable(ringColumns, ringRows(ring.result)))
    add('Clients while keys move', textTable(handoverColumns, handoverRows(ring.result)))
    add('What each member takes', textTable(shareColumns, shareRows(ring.result)))
  }
  if (expiry) {
    add('Other requests while keys end', textTable(expiryColumns, expiryRows(expiry.result)))
    add('Ends', expirySentence(expiry.result))
  }
  if (soak) add('Soak', judgeSoak(soak.result).sentence)
  add('Targets', verdictsOf(latest).map(verdictLines).join('\n'))
  const machines = Object.values(latest).map(({ machine }) => machineLine(machine))
  add('Machine', [...new Set(machines)].join('\n'))
  return `\n${sections.join('\n\n')}\n`
}
