import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { writeSync } from 'node:fs'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { makeOutput } from '../../../kvs/logger/output.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, serves, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'

const main = fileURLToPath(new URL('../../../kvs/main.ts', import.meta.url))
const failing = (code: string) => Object.assign(new Error(code), { code })

/** Takes a few bytes at a time, or fails as it is told to. */
function makeSend() {
  const sent = { text: '', failure: undefined as Error | undefined, most: 3 }
  const send = ((_: number, bytes: Buffer) => {
    if (sent.failure) throw sent.failure
    const taken = bytes.subarray(0, sent.most)
    sent.text += taken.toString('latin1')
    return taken.length
  }) as typeof writeSync
  return { sent, output: makeOutput(1, { send }) }
}

test('lines are written whole, in their order, when they are flushed', () => {
  const { sent, output } = makeSend()
  output.write('one\n')
  output.write('two\n')
  expect(sent.text).toBe('')
  output.flush()
  output.flush()
  expect(sent.text).toBe('one\ntwo\n')
})

test.each(['EPIPE', 'ENOSPC', 'EIO'])('what can’t be written (%s) is dropped, and what comes later is not', (code) => {
  const { sent, output } = makeSend()
  sent.failure = failing(code)
  output.write('lost\n')
  output.flush()
  sent.failure = undefined
  output.write('there\n')
  output.flush()
  expect(sent.text).toBe('there\n')
})

test('a slow reader gets it all later, up to a bound', async () => {
  const { sent, output } = makeSend()
  sent.most = Infinity
  sent.failure = failing('EAGAIN')
  output.write('one\n')
  output.flush()
  output.write('x'.repeat(2 * 1024 * 1024))
  output.flush()
  sent.failure = undefined
  await until('it is tried again', () => sent.text !== '')
  expect(sent.text).toHaveLength(1024 * 1024)
  expect(sent.text).toMatch(/^one\nxxx/)
})

test.each(['json', 'pretty'])(
  'a node whose log can’t be written (%s) serves, and ends when it is told to',
  async (format) => {
    const { target } = await makeDatabase()
    const directory = makeDirectory()
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const child = spawn(process.execPath, [main], {
      cwd: directory,
      env: {
        ...{ PATH: process.env.PATH, PORT: String(port), KVS_DATA_DIR: join(directory, 'data') },
        ...{ ...toEnvironment(target), LOG_LEVEL: 'debug', LOG_FORMAT: format },
      },
      stdio: ['ignore', openSync('/dev/full', 'w'), 'inherit'],
    })
    const ended = once(child, 'exit')
    onTestFinished(() => void child.kill('SIGKILL'))
    const url = `http://127.0.0.1:${port}`
    await serves({ url })
    expect((await fetch(`${url}/v1/a`, { method: 'PUT', body: 'x' })).status).toBe(201)
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  },
)

test('a start that fails ends, also where nobody can be told', () => {
  const env = { PATH: process.env.PATH, POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: '1', KVS_CONNECT_TIMEOUT: '1ms' }
  const options = {
    cwd: makeDirectory(),
    env: { ...env, PORT: '0' },
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
  }
  expect(() => execFileSync(process.execPath, [main], options as object)).toThrow(
    expect.objectContaining({ status: 1 }),
  )
})
