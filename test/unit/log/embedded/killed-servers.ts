import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, vi } from 'vitest'
import { alive, cleanups, directory, make, query } from './embedded-home.ts'

export const gone = (pid: number) => vi.waitFor(() => expect(alive(pid)).toBe(false), { timeout: 10_000, interval: 20 })

/** A node of its own, to be killed; whatever it leaves running is ended after the test. */
export function spawnParent() {
  const script = join(import.meta.dirname, 'fixtures/embedded-parent.ts')
  const parent = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  cleanups.push(async () => {
    await kill(parent)
    const successor = make()
    await successor.ensureRunning()
    await successor.stop()
  })
  return parent
}

export async function kill(parent: ChildProcess): Promise<void> {
  if (parent.exitCode !== null || parent.signalCode !== null) return
  parent.kill('SIGKILL')
  await once(parent, 'exit')
}

/** The pid of the server that a node leaves when it is killed. */
export async function orphan(): Promise<number> {
  const parent = spawnParent()
  const [line] = await once(createInterface({ input: parent.stdout }), 'line')
  await query(make(), 'CREATE TABLE t AS SELECT 7 AS n')
  await kill(parent)
  expect(alive(Number(line))).toBe(true)
  return Number(line)
}
