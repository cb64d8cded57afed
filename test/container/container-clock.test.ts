import { expect, onTestFinished, test } from 'vitest'
import { setContainerClock } from '../../tools/drill/stack/container-clock.ts'
import { docker } from '../../tools/lab/docker.ts'
import { describeWithDocker } from './docker.ts'

describeWithDocker('the clock of a container', () => {
  test('is set by a new file, so that nobody reads one that is written half', { timeout: 300_000 }, async () => {
    const container = await docker(['run', '--detach', '--rm', '--init', 'debian:trixie-slim', 'sleep', 'infinity'])
    onTestFinished(async () => void (await docker(['rm', '--force', container])))
    const inContainer = (...words: string[]) => docker(['exec', container, ...words])
    await setContainerClock(container, -3)
    await inContainer('ln', '/tmp/clock', '/tmp/before')
    await setContainerClock(container, 86_400)
    expect(await inContainer('cat', '/tmp/before', '/tmp/clock')).toBe('-3\n+86400')
  })
})
