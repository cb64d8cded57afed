/** A duration as text for log lines, such as `0.125 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`
}
