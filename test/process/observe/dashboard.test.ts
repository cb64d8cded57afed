import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { dashboard as drawn } from '../../../compose/observe/dashboard/dashboard.ts'
import { dashboard } from './dashboard.ts'
import { read } from './files.ts'

const panels = dashboard.panels.filter(({ type }) => type !== 'row')

describe('the dashboard', () => {
  test('is as npm run dashboard writes it', () => {
    expect(dashboard).toEqual(JSON.parse(JSON.stringify(drawn)))
  })

  test('has each panel once, and none over another', () => {
    const ids = dashboard.panels.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const taken = new Set<string>()
    for (const { title, gridPos } of dashboard.panels) {
      const { x, y, w, h } = gridPos
      expect(x + w, title).toBeLessThanOrEqual(24)
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          expect(taken, title).not.toContain(`${column} ${line}`)
          taken.add(`${column} ${line}`)
        }
      }
    }
  })

  test.each(panels)('has units, an explanation and queries in $title', ({ description, targets, fieldConfig }) => {
    expect(description).toMatch(/\S/)
    expect(fieldConfig?.defaults.unit).toMatch(/\S/)
    expect(targets?.length).toBeGreaterThan(0)
  })

  test('asks the source that is provisioned', () => {
    const { datasources } = parse(read('grafana/datasources.yml')) as { datasources: { uid: string; url: string }[] }
    const uids = datasources.map(({ uid }) => uid)
    for (const panel of panels) {
      for (const { datasource } of [panel, ...(panel.targets ?? [])]) expect(uids).toContain(datasource?.uid)
    }
    expect(datasources.map(({ url }) => url)).toEqual(['http://prometheus:9090'])
  })

  test('is where Grafana looks for it', () => {
    const { providers } = parse(read('grafana/dashboards.yml')) as { providers: { options: { path: string } }[] }
    const { services } = parse(read('../observe.yml')) as { services: { grafana: { volumes: string[] } } }
    for (const { options } of providers) {
      expect(services.grafana.volumes).toContain(`./compose/observe/grafana/kvs.json:${options.path}/kvs.json:ro`)
    }
  })
})
