import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { describeWithDocker } from './docker.ts'

const overlays = readdirSync(`${root}compose`).filter((name) => name.endsWith('.yml'))

/** How the comment at a file's head says that it is started: the files of each command, in order. */
function documentedStacks(overlay: string): string[][] {
  const [head = ''] = readFileSync(`${root}compose/${overlay}`, 'utf8').split(/^[^#]/m)
  return [...head.matchAll(/docker compose ((?:-f \S+ )+)up --wait/g)].map(([, files = '']) =>
    [...files.matchAll(/-f (\S+)/g)].map(([, file = '']) => file),
  )
}

test.each(overlays)('compose/%s says how it is started', (overlay) => {
  expect(documentedStacks(overlay).flat()).toContain(`compose/${overlay}`)
})

describeWithDocker('the files of compose', () => {
  const stacks = overlays.flatMap(documentedStacks).map((files) => files.join(' '))

  test.each(stacks)('%s go together', async (files) => {
    const args = files.split(' ').flatMap((file) => ['--file', file])
    const { services } = JSON.parse(await docker(['compose', ...args, 'config', '--format', 'json']))
    for (const [name, { image, build }] of Object.entries<{ image?: string; build?: object }>(services)) {
      expect([name, Boolean(image ?? build)]).toEqual([name, true])
    }
  })
})
