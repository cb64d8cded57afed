import { expect, test, vi } from 'vitest'
import { endsWhole, isAlive, start } from './npm-start.ts'

vi.setConfig({ testTimeout: 120_000 })

test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)(
  '%s to npm ends the node, its port and its Postgres',
  async (signal) => {
    const started = await start('npm start & echo npm=$!; wait')
    expect(isAlive(started.npm) && isAlive(started.postgres)).toBe(true)
    expect((await fetch(`${started.url}/v1/a`, { method: 'PUT', body: 'x' })).status).toBe(201)
    process.kill(started.npm, signal)
    await endsWhole(started)
  },
)
