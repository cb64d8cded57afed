import { expect, test } from 'vitest'
import { makeFakeDocker } from './fake-docker.ts'

const two = '*"ps --quiet kvs"*) echo one; echo two ;;'
const restart = '"restart "*) ;;'
const name = `*'.Name'*) echo /kvs-node ;;`

function restartWith(...answers: string[]) {
  const docker = makeFakeDocker(answers.join('\n'))
  const result = docker.run('nodes/rolling-restart', '--project-name', 'mine')
  return { ...result, restarted: docker.calls().filter((call) => call.startsWith('restart ')).length }
}

test('each node is restarted once the one before is healthy', () => {
  const soon = `*Health*) [ $(($(calls Health) % 4)) = 0 ] && echo 'running 1 healthy' || echo 'running 1 starting' ;;`
  expect(restartWith(two, restart, name, soon, `*RestartCount*) echo 1 ;;`)).toMatchObject({
    ...{ status: 0, stdout: 'restarted kvs-node\nrestarted kvs-node\n', restarted: 2 },
  })
})

test.each([
  ['ends', 'exited 0 starting'],
  ['ends again and again', 'running 1 starting'],
])('a node that %s is told, and the others are left as they are', (_, state) => {
  const result = restartWith(two, restart, name, `*Health*) echo '${state}' ;;`, `*RestartCount*) echo 0 ;;`)
  expect(result).toMatchObject({ status: 1, stdout: '', restarted: 1 })
  expect(result.stderr).toMatch(/kvs-node does not come back \(.*\): the nodes after it were not restarted/)
})

test('a node that is gone is an error', () => {
  const result = restartWith(two, restart, `*inspect*) echo 'no such object' >&2; exit 1 ;;`)
  expect(result).toMatchObject({ status: 1, restarted: 1 })
})

test('nodes that can’t be listed, and none at all, are an error', () => {
  expect(restartWith('*" ps "*) exit 17 ;;')).toMatchObject({ status: 17, restarted: 0 })
  expect(restartWith('*" ps "*) ;;')).toMatchObject({ status: 1, stderr: 'no node runs\n', restarted: 0 })
})
