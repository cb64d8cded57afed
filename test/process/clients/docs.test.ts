import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../../../tools/lab/paths.ts'
import { spawnProcess } from '../../../tools/lab/process.ts'
import { makeDirectory } from '../../support/node.ts'
import { shareNode } from './shared-node.ts'

const url = shareNode({ KVS_ALLOW_CLEAR: 'true' })

/** The programs that docs/clients.md shows of the client itself, one after the other. */
function documentedProgram(): string {
  const blocks = [...readFileSync(`${root}docs/clients.md`, 'utf8').matchAll(/^```ts\n(.*?)^```/gms)]
  const own = blocks.map(([, text = '']) => text).slice(0, 2)
  return own
    .join('\n')
    .replace("'kvs-client'", `'${root}clients/typescript/src/index.ts'`)
    .replace('http://localhost:8080', url())
}

test('what docs/clients.md shows runs as it stands there, from top to bottom', async () => {
  const program = join(makeDirectory(), 'program.ts')
  writeFileSync(program, documentedProgram())
  const { ended, output } = spawnProcess({
    ...{ command: process.execPath, args: [program], cwd: root },
    env: { PATH: process.env.PATH },
  })
  expect([await ended, output()]).toEqual([0, expect.stringContaining('users/8')])
})
