import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { root } from '../../../tools/lab/paths.ts'

export interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface RuleCase {
  readonly alertname: string
  readonly exp_alerts: readonly unknown[]
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly Rule[] }[]
}

interface RuleTests {
  readonly tests: readonly { readonly alert_rule_test: readonly RuleCase[] }[]
}

export const ruleTests = ['alerts.test.yml', 'growth.test.yml']

export const read = (name: string) => readFileSync(`${root}compose/observe/${name}`, 'utf8')

export const rules = (parse(read('alerts.yml')) as Rules).groups.flatMap((group) => group.rules)

/** All that promtool is to go through. */
export const ruleCases = ruleTests
  .flatMap((name) => (parse(read(name)) as RuleTests).tests)
  .flatMap((test) => test.alert_rule_test)

/** The names of metrics in PromQL, of those that the service has. */
export const metricsIn = (expr: string) => expr.match(/\b(kvs|process|nodejs)_\w+/g) ?? []
