import {
  type DataSourceRef,
  FieldColorModeId,
  MappingType,
  type Panel,
  type RowPanel,
  ThresholdsMode,
} from '@grafana/schema'

/** As compose/observe/grafana/datasources.yml names it. */
export const source: DataSourceRef = { type: 'prometheus', uid: 'prometheus' }

/** PromQL, and what its series are called: text with {{label}}. */
export type Query = readonly [expr: string, legend: string]

export interface Look {
  /** https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts */
  readonly unit: string
  /** From which value on which colour; the first is for all below. */
  readonly steps?: readonly (readonly [from: number, color: string])[]
  /** Names of values. */
  readonly values?: Readonly<Record<string, { readonly text: string; readonly color: string }>>
  readonly min?: number
  readonly max?: number
  /** Series on top of each other. */
  readonly stacked?: boolean
}

/** Not placed yet: of the 24 columns of a dashboard it takes so many. */
export interface Piece {
  readonly width: number
  readonly height: number
  readonly panel: Omit<Panel, 'id' | 'gridPos'>
}

/** One number for all nodes chosen. */
export const number = (title: string, description: string, expr: string, look: Look): Piece => ({
  width: 4,
  height: 4,
  panel: {
    ...common('stat', title, description, [[expr, '']], look, true),
    options: {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      colorMode: 'background',
      graphMode: 'area',
      textMode: 'value',
    },
  },
})

export const graph = (title: string, description: string, queries: readonly Query[], look: Look): Piece => {
  const panel = common('timeseries', title, description, queries, look, false)
  const custom = {
    drawStyle: 'line',
    lineWidth: 1,
    fillOpacity: look.stacked ? 30 : 5,
    showPoints: 'never',
    stacking: { mode: look.stacked ? 'normal' : 'none' },
  }
  return {
    width: 8,
    height: 8,
    panel: {
      ...panel,
      fieldConfig: { defaults: { ...panel.fieldConfig.defaults, custom }, overrides: [] },
      options: {
        legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull', 'max'] },
        tooltip: { mode: 'multi', sort: 'desc' },
      },
    },
  }
}

/** A line for each series, coloured by what its values are called. */
export const timeline = (title: string, description: string, query: Query, look: Look): Piece => ({
  width: 16,
  height: 8,
  panel: {
    ...common('state-timeline', title, description, [query], look, false),
    options: {
      mergeValues: true,
      showValue: 'auto',
      rowHeight: 0.8,
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
    },
  },
})

/** The labels of each series there is now. */
export const table = (title: string, description: string, expr: string, hidden: readonly string[]): Piece => ({
  width: 8,
  height: 8,
  panel: {
    ...common('table', title, description, [[expr, '']], { unit: 'none' }, true, 'table'),
    transformations: [
      { id: 'organize', options: { excludeByName: Object.fromEntries(hidden.map((name) => [name, true])) } },
    ],
    options: { showHeader: true, cellHeight: 'sm' },
  },
})

export interface Row {
  readonly title: string
  readonly pieces: readonly Piece[]
}

/** From left to right, in lines of pieces of one height, below a heading for each row. */
export function place(rows: readonly Row[]): (Panel | RowPanel)[] {
  const placed: (Panel | RowPanel)[] = []
  let y = 0
  for (const { title, pieces } of rows) {
    placed.push({
      type: 'row',
      id: placed.length + 1,
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y: y++, w: 24, h: 1 },
    })
    let [x, height] = [0, 0]
    for (const piece of pieces) {
      if (x + piece.width > 24) {
        y += height
        x = 0
      }
      const gridPos = { x, y, w: piece.width, h: piece.height }
      placed.push({ ...piece.panel, id: placed.length + 1, gridPos })
      x += piece.width
      height = piece.height
    }
    y += height
  }
  return placed
}

function common(
  type: string,
  title: string,
  description: string,
  queries: readonly Query[],
  { unit, steps = [[0, 'green']], values, min, max }: Look,
  isInstant: boolean,
  format: 'table' | 'time_series' = 'time_series',
) {
  const isTable = format === 'table'
  return {
    type,
    title,
    description,
    datasource: source,
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: source,
      expr,
      legendFormat,
      instant: isTable,
      range: !isTable,
      format,
    })),
    fieldConfig: {
      defaults: {
        unit,
        ...(min !== undefined && { min }),
        ...(max !== undefined && { max }),
        color: isInstant ? { mode: FieldColorModeId.Thresholds } : { mode: FieldColorModeId.PaletteClassic },
        thresholds: {
          mode: ThresholdsMode.Absolute,
          // The type that Grafana generates has no null, which its own dashboards have for the first step.
          steps: steps.map(([value, color], index) => ({
            value: index === 0 ? (null as unknown as number) : value,
            color,
          })),
        },
        ...(values && { mappings: [{ type: MappingType.ValueToText, options: numbered(values) }] }),
      },
      overrides: [],
    },
  } satisfies Omit<Panel, 'id' | 'gridPos'>
}

const numbered = (values: NonNullable<Look['values']>) =>
  Object.fromEntries(Object.entries(values).map(([value, shown], index) => [value, { ...shown, index }]))
