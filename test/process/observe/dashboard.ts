import { read } from './files.ts'

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource?: { readonly type: string; readonly uid: string }
  readonly targets?: readonly {
    readonly expr: string
    readonly datasource: { readonly type: string; readonly uid: string }
  }[]
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
}

/** As Grafana reads it. */
export const dashboard = JSON.parse(read('grafana/kvs.json')) as { readonly uid: string; readonly panels: Panel[] }

/** With values for what Grafana puts in. */
export const queriesOf = ({ instance, interval }: { instance: string; interval: string }) =>
  dashboard.panels
    .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll('$instance', instance).replaceAll('$__rate_interval', interval))
