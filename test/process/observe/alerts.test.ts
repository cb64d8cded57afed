import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { root } from '../../../tools/lab/paths.ts'
import { ruleCases, rules } from './files.ts'

describe('the alerts', () => {
  test.each(rules)('$alert has cases that raise it and cases that don’t', ({ alert }) => {
    const cases = ruleCases.filter(({ alertname }) => alertname === alert)
    expect(cases.filter(({ exp_alerts }) => exp_alerts.length > 0)).not.toHaveLength(0)
    expect(cases.filter(({ exp_alerts }) => exp_alerts.length === 0)).not.toHaveLength(0)
  })

  test.each(rules)('$alert says what it means, how bad that is, and where it is told what to do', (rule) => {
    expect(rule.labels.severity).toMatch(/^(critical|warning)$/)
    expect(rule.annotations.summary).toMatch(/\S/)
    expect(rule.annotations.description).toMatch(/\.$/)
    expect(rule.annotations.runbook).toBe(`docs/operations.md#${rule.alert.toLowerCase()}`)
  })

  test('docs/operations.md has a heading for each', () => {
    const text = readFileSync(`${root}docs/operations.md`, 'utf8')
    const headings = Array.from(text.matchAll(/^#+ (Kvs\w+)$/gm), ([, name]) => name)
    expect(headings.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted())
  })

  test('no case is of an alert that is not there', () => {
    const names = rules.map(({ alert }) => alert)
    for (const { alertname } of ruleCases) expect(names).toContain(alertname)
  })
})
