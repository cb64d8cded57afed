/** Keys from `from` on and before `to`, in byte order of their UTF-8. */
export interface KeyRange {
  readonly from: Buffer
  /** Undefined for no end. */
  readonly to: Buffer | undefined
}
