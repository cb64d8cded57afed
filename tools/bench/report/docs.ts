import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { drawLatency } from '../charts/latency-chart.ts'
import { drawMemory, drawStart } from '../charts/size-charts.ts'
import { drawSoak } from '../charts/soak-chart.ts'
import { drawThroughput } from '../charts/throughput-chart.ts'
import { machineLine } from '../measure/machine.ts'
import type { Results } from '../results.ts'
import { expiryColumns, expiryRows, expirySentence } from './expiry-tables.ts'
import { openLoopColumns, openLoopRows } from './latency-tables.ts'
import { firstListSentence, holdUpColumns, holdUpRows, listCostColumns, listCostRows } from './lists-tables.ts'
import { lagSentence, nodesColumns, nodesRows } from './nodes-tables.ts'
import { verdictColumns, verdictRows } from './print.ts'
import { handoverColumns, handoverRows, ringColumns, ringRows, shareColumns, shareRows } from './ring-tables.ts'
import { runColumns, runRows } from './runs.ts'
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
import { markdownTable, wrapProse } from './text.ts'
import { transactionColumns, transactionRows } from './transactions-tables.ts'

const docs = new URL('../../../docs/', import.meta.url)

/**
 * What is between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` in docs/performance.md is the benchmark's to write.
 */
export function sectionsOf(results: Results): Readonly<Record<string, string>> {
  const { throughput, latency, start, memory, nodes, lists, transactions, sites, ring, expiry, soak } = results
  const machines = Object.values(results).map(({ machine }) => machineLine(machine))
  const days = Object.values(results)
    .map(({ at }) => at.slice(0, 10))
    .sort()
  return {
    table: markdownTable(verdictColumns, verdictRows(results)),
    machine: wrapProse(
      `${[...new Set(machines)].join('\n\n')}. Measured ${[...new Set([days[0], days.at(-1)])].join(' to ')}.`,
    ),
    ...(throughput && { peers: markdownTable(runColumns, runRows(throughput.result.runs)) }),
    ...(latency && { latency: markdownTable(openLoopColumns, openLoopRows(latency.result.openLoop)) }),
    ...(start && { start: markdownTable(startColumns, startRows(start.result)) }),
    ...(memory && { memory: markdownTable(memoryColumns, memoryRows(memory.result)) }),
    ...(nodes && {
      nodes: markdownTable(nodesColumns, nodesRows(nodes.result)),
      lag: wrapProse(lagSentence(nodes.result)),
    }),
    ...(lists && {
      lists: markdownTable(holdUpColumns, holdUpRows(lists.result)),
      'list-cost': markdownTable(listCostColumns, listCostRows(lists.result)),
      'first-lists': wrapProse(firstListSentence(lists.result)),
    }),
    ...(sites && {
      'site-lag': markdownTable(siteLagColumns, siteLagRows(sites.result)),
      'site-import': markdownTable(siteImportColumns, siteImportRows(sites.result)),
      'site-cost': markdownTable(siteCostColumns, siteCostRows(sites.result)),
    }),
    ...(ring && {
      ring: markdownTable(ringColumns, ringRows(ring.result)),
      'ring-handover': markdownTable(handoverColumns, handoverRows(ring.result)),
      'ring-shares': markdownTable(shareColumns, shareRows(ring.result)),
    }),
    ...(expiry && {
      expiry: markdownTable(expiryColumns, expiryRows(expiry.result)),
      ends: wrapProse(expirySentence(expiry.result)),
    }),
    ...(transactions && { transactions: markdownTable(transactionColumns, transactionRows(transactions.result)) }),
    ...(soak && { soak: wrapProse(judgeSoak(soak.result).sentence) }),
  }
}

export function picturesOf({ throughput, latency, start, memory, soak }: Results): Readonly<Record<string, string>> {
  const throughputSvg = throughput && drawThroughput(throughput.result.runs)
  return {
    ...(throughputSvg && { 'bench-throughput.svg': throughputSvg }),
    ...(latency && { 'bench-latency.svg': drawLatency(latency.result) }),
    ...(start && { 'bench-start.svg': drawStart(start.result) }),
    ...(memory && { 'bench-memory.svg': drawMemory(memory.result) }),
    ...(soak && { 'bench-soak.svg': drawSoak(soak.result) }),
  }
}

/** Puts the sections into a text between their marks, and names those whose marks it lacks. */
export function fillSections(text: string, sections: Readonly<Record<string, string>>) {
  const missing: string[] = []
  const filled = Object.entries(sections).reduce((before, [name, content]) => {
    const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
    const [from, to] = [before.indexOf(open), before.indexOf(close)]
    if (from >= 0 && to > from) return `${before.slice(0, from)}${open}\n${content}\n${before.slice(to)}`
    missing.push(name)
    return before
  }, text)
  return { filled, missing }
}

const page = new URL('performance.md', docs)

export async function writeDocs(results: Results, say: (line: string) => void): Promise<void> {
  const sections = sectionsOf(results)
  const text = await readFile(page, 'utf8').catch(() => newPage(Object.keys(sections)))
  const { filled, missing } = fillSections(text, sections)
  await writeFile(page, filled)
  if (missing.length > 0)
    say(`docs/performance.md has no place for ${missing.map((name) => `bench:${name}`).join(', ')}`)
  await mkdir(new URL('images/', docs), { recursive: true })
  const pictures = Object.entries(picturesOf(results))
  for (const [name, svg] of pictures) await writeFile(new URL(`images/${name}`, docs), svg)
  say(`written: docs/performance.md, ${pictures.map(([name]) => `docs/images/${name}`).join(', ')}`)
}

function newPage(names: readonly string[]): string {
  return ['# Performance', ...names.map((name) => `<!-- bench:${name} -->\n<!-- /bench:${name} -->`)]
    .join('\n\n')
    .concat('\n')
}
