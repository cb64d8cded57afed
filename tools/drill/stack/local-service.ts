/** A service that is processes of this machine. */
export interface LocalService {
  start(): Promise<void>
  kill(): Promise<void>
  /** Resolves with the exit code. */
  stop(): Promise<number>
  pause(): Promise<void>
  resume(): Promise<void>
}
