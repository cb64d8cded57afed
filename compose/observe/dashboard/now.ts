import { type State, states } from '../../../kvs/kv/status.ts'
import { number, type Row, table, timeline } from './panels.ts'
import { keys, of, rate, requests } from './queries.ts'

const colors: Readonly<Record<State, string>> = {
  starting: 'blue',
  replaying: 'light-blue',
  serving: 'green',
  behind: 'yellow',
  'log down': 'orange',
  'log diverged': 'dark-red',
  draining: 'purple',
  stopped: 'text',
}
const names = Object.keys(states) as State[]
/** A query for the number of each node's state. A node has a series for each state, and the current state's is 1. */
const stateNumber = names
  .map((state, index) => `(${of('kvs_state', `state="${state}"`)} == 1) * ${index + 1}`)
  .join('\n  or ')
const stateNames = Object.fromEntries(names.map((text, index) => [index + 1, { text, color: colors[text] }]))
const upOrDown = { 0: { text: 'DOWN', color: 'red' }, 1: { text: 'up', color: 'green' } }

export const now: Row = {
  title: 'Now',
  pieces: [
    number('Nodes that answer', 'Nodes that Prometheus gets metrics from.', 'count(up{job="kvs"} == 1) or vector(0)', {
      unit: 'none',
      steps: [
        [0, 'red'],
        [1, 'green'],
      ],
    }),
    number('Log', 'Down as soon as one of the nodes can’t reach it.', `min(${of('kvs_log_up')})`, {
      unit: 'none',
      values: upOrDown,
    }),
    number('Alerts', 'How many are firing.', 'count(ALERTS{alertstate="firing"}) or vector(0)', {
      unit: 'none',
      steps: [
        [0, 'green'],
        [1, 'red'],
      ],
    }),
    number('Requests', 'For keys, of all nodes.', `sum(${rate(`${requests}_count`, keys)})`, { unit: 'reqps' }),
    number(
      'Answered with 5xx',
      'The share of the requests for keys.',
      `(sum(${rate(`${requests}_count`, `${keys}, status=~"5.."`)}) or vector(0)) / sum(${rate(`${requests}_count`, keys)})`,
      {
        unit: 'percentunit',
        steps: [
          [0, 'green'],
          [0.001, 'yellow'],
          [0.05, 'red'],
        ],
      },
    ),
    number(
      'Fullest spool',
      'Of what KVS_SPOOL_MAX_BYTES allows.',
      `max(${of('kvs_spool_bytes')} / ${of('kvs_spool_max_bytes')})`,
      {
        unit: 'percentunit',
        steps: [
          [0, 'green'],
          [0.05, 'yellow'],
          [0.5, 'red'],
        ],
      },
    ),
    timeline(
      'State of each node',
      'As /readyz has it; a gap is a node that does not answer.',
      [`max by (instance) (\n  ${stateNumber}\n)`, '{{instance}}'],
      { unit: 'none', values: stateNames },
    ),
    table(
      'Alerts',
      'docs/operations.md says of each what it means and what to do.',
      'ALERTS{alertstate=~"firing|pending"}',
      ['Time', 'Value', '__name__', 'job'],
    ),
  ],
}
