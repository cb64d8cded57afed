import {
  type DataSourceRef,
  FieldColorModeId,
  MappingType,
  type Panel,
  type RowPanel,
  ThresholdsMode,
} from '@grafana/schema'

/** The data source of compose/observe/grafana/datasources.yml. */
export const source: DataSourceRef = { type: 'prometheus', uid: 'prometheus' }

/** A PromQL expression, and the legend of its series, in which {{label}} stands for a label. */
export type Query = readonly [expr: string, legend: string]

/** How values are shown. */
export interface Look {
  /**
   * Unit of the values, as Grafana names it:
   * https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts
   */
  readonly unit: string
  /** Colours by the value from which they apply. The first also applies below its value. */
  readonly steps?: readonly (readonly [from: number, color: string])[]
  /** Texts that replace values. */
  readonly values?: Readonly<Record<string, { readonly text: string; readonly color: string }>>
  readonly min?: number
  readonly max?: number
  /** Whether series are stacked. */
  readonly stacked?: boolean
}

/** A panel without a position. */
export interface Piece {
  /** Number of the dashboard's 24 columns. */
  readonly width: number
  readonly height: number
  readonly panel: Omit<Panel, 'id' | 'gridPos'>
}

/** One number for all selected nodes. */
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

/** A bar for each series, coloured by the texts of its values. */
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

/** The labels of each current series. */
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

/** Arranges pieces from left to right, in lines of one height, with a heading above each row. */
export function arrange(rows: readonly Row[]): (Panel | RowPanel)[] {
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
          // Grafana's generated type lacks null, which its own dashboards use for the first step.
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
