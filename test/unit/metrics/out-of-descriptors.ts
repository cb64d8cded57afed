import { closeSync, openSync } from 'node:fs'
import { makeMetricsReader } from '../../../kvs/metrics/reader.ts'

/** Reads the metrics with only so many descriptors left, and again with enough; prints what came of each. */
const free = Number(process.argv[2])
const taken: number[] = []
try {
  for (;;) taken.push(openSync('/dev/null', 'r'))
} catch {
  // There are none left.
}
for (const descriptor of taken.splice(0, free)) closeSync(descriptor)
const read = makeMetricsReader([])
const outcome = () =>
  read().then(
    () => 'read',
    () => 'failed',
  )
const first = await outcome()
for (const descriptor of taken) closeSync(descriptor)
process.stdout.write(`${first} ${await outcome()}`)
