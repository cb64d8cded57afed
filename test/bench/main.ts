import { parseArguments, WrongUse } from './arguments.ts'
import { withBench } from './bench.ts'
import { measureThroughput } from './parts/throughput.ts'
import { runColumns, runRows } from './report/runs.ts'
import { textTable } from './report/text.ts'

try {
  const args = parseArguments(process.argv.slice(2))
  const r = await withBench(args, new AbortController().signal, measureThroughput)
  process.stdout.write(textTable(runColumns, runRows(r.runs)))
} catch (error) {
  if (!(error instanceof WrongUse)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}
