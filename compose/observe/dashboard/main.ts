import { writeFile } from 'node:fs/promises'
import { dashboard } from './dashboard.ts'

await writeFile(new URL('../grafana/kvs.json', import.meta.url), `${JSON.stringify(dashboard, undefined, 2)}\n`)
