import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../lab/ports.ts'
import { startProcess } from '../../lab/process.ts'
import { keyFor, valueFor } from '../load/entries.ts'
import { cpuOfTree } from '../measure/proc.ts'
import { untilListening } from './listening.ts'
import type { Server } from './server.ts'

export interface Redis extends Server {
  readonly pid: number
  /** Sets this many keys to values of this many bytes. Resolves when all are answered. */
  load(keys: number, bytes: number, nameOf?: (index: number) => string): Promise<void>
}

/** Starts Redis with its append-only file flushed before each answer and without snapshots. */
export async function startRedis(binary: string, directory: string): Promise<Redis> {
  await mkdir(directory, { recursive: true })
  const port = await freePort()
  const server = await startProcess({
    command: binary,
    args: [
      ...['--bind', '127.0.0.1', '--port', String(port), '--dir', directory],
      ...['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
    ],
    cwd: directory,
    ownGroup: true,
    outputFile: join(directory, 'redis.log'),
  })
  await untilListening(port, server)
  while (/^-LOADING/.test(await ask(port, command('PING')))) await sleep(20)
  return {
    port,
    pid: server.pid,
    cpu: () => ({ redis: cpuOfTree(server.pid) }),
    stop: () => server.stop(),
    load: (keys, bytes, nameOf = keyFor) => load(port, keys, bytes, nameOf),
  }
}

/** Encodes a command: "Redis serialization protocol specification". */
function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

async function ask(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  socket.write(text)
  const [answer] = await once(socket, 'data')
  socket.destroy()
  return String(answer)
}

/** Makes a key as redis-benchmark does. */
export const redisKeyFor = (index: number) => `key:${String(index).padStart(12, '0')}`

async function load(port: number, keys: number, bytes: number, nameOf: (index: number) => string): Promise<void> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  let answered = 0
  let wake: () => void = () => undefined
  let failure: Error | undefined
  socket.on('error', (error) => {
    failure = error
    wake()
  })
  socket.on('data', (text: string) => {
    if (text.includes('-')) failure = new Error(`Redis: ${text.slice(0, 200)}`)
    answered += text.split('+').length - 1
    wake()
  })
  const batch = 1000
  for (let sent = 0; sent < keys || answered < keys; ) {
    if (failure) throw failure
    if (sent < keys && sent - answered < 20 * batch) {
      const next = Math.min(batch, keys - sent)
      const indexes = Array.from({ length: next }, (_, index) => sent + index)
      socket.write(indexes.map((index) => command('SET', nameOf(index), valueFor(index, bytes))).join(''))
      sent += next
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  socket.destroy()
}
