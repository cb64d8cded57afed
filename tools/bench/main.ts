import { type Arguments, type PartName, parseArguments, WrongUse } from './arguments.ts'
import { type Bench, withBench } from './bench.ts'
import { help } from './help.ts'
import { describeMachine, machineLine } from './measure/machine.ts'
import { measureExpiry } from './parts/expiry.ts'
import { measureLarge } from './parts/large.ts'
import { measureLatency } from './parts/latency.ts'
import { measureLists } from './parts/lists.ts'
import { measureLogging } from './parts/logging.ts'
import { measureMemory } from './parts/memory.ts'
import { measureProfiles } from './parts/profile.ts'
import { measureRing } from './parts/ring.ts'
import { measureNodes } from './parts/several-nodes.ts'
import { measureSites } from './parts/sites.ts'
import { measureSnapshot } from './parts/snapshot.ts'
import { measureSoak } from './parts/soak.ts'
import { measureStart } from './parts/start.ts'
import { measureThroughput } from './parts/throughput.ts'
import { measureTransactions } from './parts/transactions.ts'
import { picturesOf, writeDocs } from './report/docs.ts'
import { printable } from './report/print.ts'
import { keepLatest, keepPictures, keepRaw, type Results, readLatest } from './results.ts'

const measurements: Readonly<Record<PartName, (bench: Bench) => Promise<unknown>>> = {
  throughput: measureThroughput,
  latency: measureLatency,
  logging: measureLogging,
  start: measureStart,
  memory: measureMemory,
  nodes: measureNodes,
  lists: measureLists,
  transactions: measureTransactions,
  sites: measureSites,
  ring: measureRing,
  expiry: measureExpiry,
  snapshot: measureSnapshot,
  large: measureLarge,
  soak: measureSoak,
}

try {
  const args = parseArguments(process.argv.slice(2))
  if (args.help) process.stdout.write(help())
  else await (args.profiles ? profile(args) : measure(args))
} catch (error) {
  if (!(error instanceof WrongUse)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}

async function measure(args: Arguments): Promise<void> {
  const signal = interrupted()
  const machine = await describeMachine()
  process.stderr.write(`${machineLine(machine)}\n`)
  if (/^(tmpfs|ramfs)$/.test(machine.fileSystem)) {
    process.stderr.write(
      '\n!! The data is in memory, where a flush costs nothing: set TMPDIR to a directory on a disk.\n\n',
    )
  }
  let results: Results = {}
  try {
    for (const part of args.parts) {
      const result = await withBench(args, signal, measurements[part])
      const { seconds, runs } = args
      results = { ...results, [part]: { at: new Date().toISOString(), machine, seconds, runs, result } }
      await keepLatest(args, results)
    }
  } catch (error) {
    if (!signal.aborted) throw error
    process.exitCode = 130
  }
  if (Object.keys(results).length > 0) process.stderr.write(`\nraw results: ${await keepRaw(args, results)}\n`)
  const latest = await readLatest(args)
  process.stdout.write(printable(args.parts.length > 0 ? results : latest, latest))
  if (!signal.aborted) await draw(args, latest)
}

/** Draws pictures of all results, beside them and, if asked for, in the docs. */
async function draw(args: Arguments, latest: Results): Promise<void> {
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  say(`pictures: ${await keepPictures(args, picturesOf(latest))}`)
  if (args.writesDocs) await writeDocs(latest, say)
}

async function profile(args: Arguments): Promise<void> {
  await withBench(args, interrupted(), measureProfiles)
}

/** Ends all that was started on Ctrl-C, a timeout or a closed terminal. A second signal leaves it as it is. */
function interrupted(): AbortSignal {
  const abort = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (abort.signal.aborted) process.exit(130)
      process.stderr.write('cleaning up; once more Ctrl-C to leave it as it is\n')
      abort.abort(new Error('interrupted'))
    })
  }
  return abort.signal
}
