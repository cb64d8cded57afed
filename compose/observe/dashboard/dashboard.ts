import type { Dashboard } from '@grafana/schema'
import { log } from './log.ts'
import { following, node } from './node.ts'
import { now } from './now.ts'
import { arrange, source } from './panels.ts'
import { requestsRow } from './requests.ts'
import { ring } from './ring.ts'
import { sites } from './sites.ts'

/** The dashboard for operators. `npm run dashboard` writes it to the file that Grafana reads. */
export const dashboard: Dashboard = {
  uid: 'kvs',
  title: 'Key-value store',
  tags: ['kvs'],
  schemaVersion: 41,
  editable: false,
  graphTooltip: 1,
  refresh: '5s',
  time: { from: 'now-30m', to: 'now' },
  timezone: 'browser',
  templating: {
    list: [
      {
        ...{ type: 'query', name: 'instance', label: 'Node', datasource: source },
        query: { query: 'label_values(up{job="kvs"}, instance)', refId: 'instance' },
        ...{ refresh: 2, sort: 1, multi: true, includeAll: true, allValue: '.*' },
        current: { text: ['All'], value: ['$__all'] },
      },
    ],
  },
  annotations: {
    list: [
      {
        ...{ name: 'Started', enable: true, iconColor: 'blue', datasource: source },
        ...{ expr: 'process_start_time_seconds{job="kvs"} * 1000', useValueForTime: 'on' },
        ...{ titleFormat: 'Started', textFormat: '{{instance}}' },
      },
      {
        ...{ name: 'Alerts', enable: true, iconColor: 'red', datasource: source },
        ...{ expr: 'ALERTS{alertstate="firing"}', titleFormat: '{{alertname}}', textFormat: '{{instance}}' },
      },
    ],
  },
  panels: arrange([now, requestsRow, log, following, sites, ring, node]),
}
