import { expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { describeWithDocker } from './docker.ts'
import { cannotForward, get, id, isReady, put, remove, runContainers, seen } from './forwarding-containers.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

describeWithDocker('a main and two forwarders in containers', () => {
  const containers = runContainers()

  test.each([
    ['killed', ['kill'], ['start']],
    ['stopped', ['stop'], ['start']],
    ['frozen', ['pause'], ['unpause']],
  ])(
    'with the main %s a forwarder says that it can’t forward, and with it back, all is there',
    async (_, end, back) => {
      const { main, first, second } = containers
      await first.putPairs()
      await put(main, 'kept', '{"value":"kept"}')
      await docker([...end, `${id}-main`])
      expect(await seen(get(second, 'kept'))).toEqual(cannotForward)
      expect(await seen(put(second, 'kept', '{"value":"x"}'))).toEqual(cannotForward)
      expect(await seen(remove(second, 'kept'))).toEqual(cannotForward)
      expect((await second.request('/livez')).status).toBe(200)
      expect((await second.request('/readyz')).status).toBe(503)
      if (end[0] !== 'pause') expect(await seen(get(first, 'kept'))).toEqual(cannotForward)
      await docker([...back, `${id}-main`])
      await Promise.all([first, second].map(isReady))
      await put(first, 'kept', '{"value":"kept"}') // after what a frozen main had in its buffers
      for (const node of [main, first, second])
        expect(await seen(get(node, 'kept'))).toEqual([200, '{"result":"found","value":"kept"}'])
      await first.expectPairs()
    },
  )
})
