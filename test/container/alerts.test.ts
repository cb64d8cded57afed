import { beforeAll, expect, test } from 'vitest'
import { rules, ruleTests } from '../process/observe/files.ts'
import { describeWithDocker } from './docker.ts'
import { havePrometheus } from './prometheus.ts'
import { promtool } from './promtool.ts'

describeWithDocker('promtool', () => {
  beforeAll(havePrometheus)

  test('takes the configuration with its rules', async () => {
    expect(await promtool('check', 'config', 'prometheus.yml')).toContain(`${rules.length} rules found`)
  })

  test('finds nothing in the rules to complain of', async () => {
    await promtool('check', 'rules', '--lint=all', '--lint-fatal', 'alerts.yml')
  })

  test.each(ruleTests)(
    'finds the cases of %s as they should be',
    async (name) => {
      expect(await promtool('test', 'rules', name)).toContain('SUCCESS')
    },
    300_000,
  )
})
